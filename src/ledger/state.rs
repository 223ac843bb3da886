use super::{Key, Tree, Value};

/// All that a shard knows: the same entries give the same root, on every machine.
pub type State = Tree<Key, Value>;
