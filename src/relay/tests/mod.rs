mod load;
mod notices;
