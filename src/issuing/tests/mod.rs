mod path;
mod town;
