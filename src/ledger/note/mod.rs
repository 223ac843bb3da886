//! Signed notes: how a shard's headers are shown to everybody alike, and who saw them.
//!
//! A quorum of dishonest operators could show one past to one reader and another to the next. Nobody
//! notices who sees only one of them. A *witness*, somebody outside the ledger, signs what it was
//! shown, and never two things of which one is not the continuation of the other; a reader that asks
//! for its signature therefore sees what all others see.
//!
//! The forms are those of transparency logs, by C2SP: [signed notes](https://c2sp.org/signed-note),
//! whose text is a [checkpoint](https://c2sp.org/tlog-checkpoint), signed by a unit and by witnesses
//! with [cosignatures](https://c2sp.org/tlog-cosignature). The log is the list of one shard's headers:
//!
//! ```text
//! wayside.dev/ledger/<chain>/shard/<number>
//! <how many headers>
//! <base64 of the root of the list of headers>
//!
//! — wayside.dev/ledger/<chain>/shard/<number> <base64 of the unit's signature>
//! — <witness> <base64 of its cosignature>
//! ```
//!
//! The tree is the ledger's own: RFC 9162's shape, BLAKE3, and a root that is sealed with the list's
//! kind and length. Signatures are those of C2SP, over the text itself, so other tools can check them.
//! A witness believes the committee's votes, not a unit's signature, which only says who showed it.

mod head;
mod key;
mod signed;

pub use head::NoteHead;
pub use key::{NoteKey, NoteKeyError, NoteKeyKind};
pub use signed::{Note, NoteError};
