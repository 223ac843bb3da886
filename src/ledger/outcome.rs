use super::Rule;

/// What became of an entry of a block.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Outcome {
    /// It happened.
    Applied,
    /// A rule stopped it; its nonce is used, and nothing else happened.
    Refused(Rule),
}

impl Outcome {
    /// The code that stands in blocks: 0 if it happened, the rule's otherwise.
    pub fn code(self) -> u16 {
        match self {
            Self::Applied => APPLIED,
            Self::Refused(rule) => rule.code(),
        }
    }

    /// The outcome with this code.
    pub fn from_code(code: u16) -> Option<Self> {
        if code == APPLIED {
            return Some(Self::Applied);
        }
        Rule::from_code(code).map(Self::Refused)
    }
}

const APPLIED: u16 = 0;
