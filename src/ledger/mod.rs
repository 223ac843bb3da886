//! The ledger: what a vehicle's records are, what makes them final, and how anybody checks them.
//!
//! Several operators keep records of vehicles that no one of them can alter unseen. The engine that
//! orders transactions lives in the roadside unit; here is everything that must come out the same on
//! every machine and for ever: the bytes, the rules, the state, and the proofs. No function here knows
//! a clock, a file or a random number, and no number that is agreed on is a float.
//!
//! # What hangs on what
//!
//! ```text
//! Genesis ─▶ Committee ─▶ Certificate ─▶ Header ─┬─ tx_root ◀─ Entry with outcome (Path)
//!                                                ├─ receipts_root ◀─ Receipt (Path)
//!                                                ├─ history_root ◀─ earlier headers (Path)
//!                                                ├─ state_root ◀─ Key, Value (StateProof)
//!                                                └─ snapshot_root ◀─ the whole state, in chunks
//! ```
//!
//! Whoever holds the [`Genesis`] checks everything below it without trusting who shows it. All of
//! these bytes are frozen: they are [`borsh`] (one encoding for each value, little-endian) behind a
//! version number, digests are BLAKE3 with a context of their own (the table is in
//! [`crypto`](crate::crypto)), and files under `golden/` hold them to it.
//!
//! # Committees follow each other
//!
//! Whose votes count changes only by governance: shard 0 decides, and each shard begins the next epoch
//! at a height of its own that its own state tells ([`EpochState`]). The header's state that names the
//! next committee, final by the votes of the last one, is the [`Handover`]: a chain of them leads from
//! the genesis to every later epoch. Retired keys can still sign what they like in their old epochs.
//! Between shards that counts for nothing once a shard has told that it began the next epoch; for
//! whoever checks a proof, it is what a checkpoint is for.
//!
//! # Who issues tickets, and which are revoked
//!
//! From version 3 of the rules on, shard 0 says which operators issue tickets to which vehicles, and
//! with which keys ([`IssuingFacts`]). No operator holds two offices of a [`Group`], but in a ledger for
//! development, so none alone learns whose a ticket is. What follows from that is agreed here, too:
//! which replica gives a vehicle its ticket of a slot, so that there is one ([`Group::writer`]), and
//! since when another group may ([`Enrolment`]).
//!
//! A quorum orders a revocation by a ticket that was seen on the road ([`Order`]). The members of the
//! ticket authority name the handle it was signed under; as many as it takes to sign have to name the
//! same, so that one liar accuses nobody else. Then both linkage authorities reveal a seed each. If one
//! lies or stays silent, others reveal it from its escrow, and the pair that gives the ticket's linkage
//! value counts: whoever gave another seed stands in the order. Two who choose both seeds together could
//! search for a false pair that fits this one ticket, at some 2^48 digests; all that was given stays on
//! the ledger to be looked at.
//!
//! A station that lied is accused by its own signed messages, which prove it to anybody
//! ([`evidence`](crate::evidence)). Executing the report finds the lie again, so whoever heard it need
//! not be believed, and no operator's leave is asked: the order follows by itself, from version 4 of the
//! rules on. It holds for a day, may be appealed against and lifted like any other, and is given once for
//! each ticket. What only others saw takes the testimony of three vehicles of one slot and the votes of one
//! operator more than may be false. What was proved stays in the block for all to see, as it was said in public before.
//!
//! Cars follow the list by updates that prove themselves ([`RevocationUpdate`]), whoever hands them on.
//! Entries mean something as long as tickets may be out, then they are forgotten, like orders, parts of
//! keys that are made, counts of tickets and keys whose tickets are over. What stays for ever are the
//! accounts of issuing keys, so that nobody uses one twice.
//!
//! # The state is a tree of our own
//!
//! A database with proofs of its own would bind the ledger to that database's files and make the
//! rules asynchronous. [`Tree`] is a frozen format instead: a car verifies presence and absence under
//! it, a fork of it costs nothing, and it is rebuilt from a snapshot and later blocks, never from a
//! database's files. The price is that a shard's state has to fit into memory, some 1 to 2 kB for each
//! vehicle; shards divide it.

mod action;
mod auditor;
mod block;
mod build;
mod bytes;
mod certificate;
mod commitment;
mod committee;
mod consistency;
mod encoding;
mod entry;
mod execute;
mod finalized;
mod genesis;
mod genesis_text;
mod header;
mod history;
mod issuing;
mod key;
mod keys;
mod label;
mod mempool;
mod merkle;
mod misconduct;
mod note;
mod outcome;
mod proof;
mod quota;
mod receipt;
mod record;
mod results;
mod revocations;
mod role;
mod rule;
#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
pub(crate) mod sample_chain;
#[cfg(test)]
pub(crate) mod sample_note;
mod state;
mod ticket;
mod transaction;
mod tree;
mod view;
mod vote;

pub use action::{
    Action, ActionError, AddOperator, AppealRevocation, AttachRecord, BatteryFigures,
    BatteryStatus, BeginCustody, BelieveWitnesses, Birth, COVERED_MAX, CertifyIssuingKey,
    ChangeCommittee, CommitTickets, ConfirmErasure, ConfirmTicketKey, Correct, Correction,
    CustodyPurpose, DecideClaim, EndCustody, Enrol, EnrolmentStatus, EraseRecord, GrantAccess,
    GrantRole, InstallPart, IssuePolicy, IssueRecall, KEY_PART_BYTES_MAX, KEY_ROUNDS_MAX,
    LiftBlock, LiftRevocation, MakePart, Method, MovePart, NameHandle, OdometerSource, OpenClaim,
    OperatorStatus, OrderKind, OrderRevocation, PlaceBlock, PostKeyPart, ReadReceipt,
    RecallCriteria, RecordBattery, RecordClass, RecordOdometer, RecordService, RecordTrip,
    RecordWear, RemedyRecall, RemoveOperator, RemovePart, RepairBattery, ReplaceOperatorKey,
    ReplaceSeat, ReplaceWearPart, ReportMisbehaviour, ReportMisconduct, RetireVehicle, RevealSeed,
    RevokeAccess, RevokeRole, RotateKey, SEATS_MAX, SLOTS_MAX, STOPS_MAX, SaleBlock, ScheduleRules,
    ScrapPart, SeatChange, SetEnrolment, SetGroup, SetOperator, SetShard, SetTicketPolicy,
    SettleClaim, ShipPart, SlotCount, Stop, TagCertificate, TagKind, Testify, Transfer, WHEELS_MAX,
    WearKind, WearSlot, WithdrawClaim, WithdrawTicketKey,
};
pub use auditor::{Audit, Auditor, Violation};
pub use block::{Block, BlockBytesError, Delivery, Entry, delivery_leaf, transaction_leaf};
pub use build::{BlockError, propose, verify_block};
pub use certificate::{Certificate, CertificateError};
pub use committee::Committee;
pub use consistency::{Consistency, ConsistencyError, ListRoot};
pub use entry::{CheckedDelivery, CheckedEntry, EntryError, check_entries};
pub use execute::{
    BlockContext, ExecuteError, Executed, Inadmissible, RULES, admit, execute, may_read,
};
pub use finalized::{FinalityError, FinalizedHeader};
pub use genesis::{Genesis, GenesisContent, GenesisError, Limits, Operator, RoleGrant, ShardEntry};
use genesis::{OPERATORS_MAX, OPERATORS_MIN};
pub use genesis_text::GenesisTextError;
pub use header::Header;
pub use history::HistoryLog;
pub use issuing::IssuingFacts;
use issuing::Unreadable;
pub use key::{AccountKey, ClaimId, PartTag, PolicyId, RecordCommitment, VinTag};
pub use keys::KeyCache;
pub use label::{Label, LabelError};
pub use mempool::{Mempool, MempoolConfig, MempoolRefusal, Recent};
pub use merkle::{List, Path, PathError, Peaks};
pub use misconduct::{Misconduct, MisconductError, SignedVote, culprits};
pub use note::{Note, NoteError, NoteHead, NoteKey, NoteKeyError, NoteKeyKind};
pub use outcome::Outcome;
pub use proof::{
    Anchor, Bundle, BundleError, BundleRecord, Checkpoint, CheckpointError, Committees,
    Completeness, CosignedCheckpoint, CosignedError, CosignedHead, DeliveryError, EarlierHeader,
    EntryProof, FileError, Handover, HandoverError, Head, IssuingProof, IssuingProofError, Point,
    Proof, ProofError, ProvenRecord, ProvenValue, ReceiptProof, Relation, Report, RevocationUpdate,
    RevocationUpdateError, ShownHead, StateEntryProof, Trunk, TrunkError, Unanchored,
    VerifiedRevocations, Witness, WitnessRefusal, Witnesses,
};
pub use quota::Quotas;
pub use receipt::{Receipt, ReceiptBody, TagSubject};
pub use record::{
    Account, AgreedHandle, Alarm, Battery, Blocks, CASES_MAX, Case, Cases, ChainState, ChannelIn,
    ChannelOut, Claim, ClaimState, Custody, EPOCH_LAG, Enrolment, EnrolmentVoice, EpochState,
    Failure, GivenSeed, Grant, Group, HistoryHead, Issued, IssuerEntry, Issuers, IssuingKey,
    IssuingKeyOwner, IssuingSeat, Key, KeyBoard, NamedHandle, NextEpoch, NextReplicas, NextRules,
    NonceWindow, Odometer, OperatorState, Order, OrderFailure, OrderState, Orders, Part, PartState,
    Policy, Recall, Remedy, RevocationEntry, RevocationHead, RoleHolder, SERVICES_MAX, Seat,
    SeatFact, Service, Services, ShardState, TRIPS_MAX, Tag, TagClaim, TicketPolicy, Tombstone,
    Transit, TripSpan, Trips, Value, Vehicle, VehicleStatus, Wear, WitnessNote,
};
pub use results::Results;
pub use revocations::{Applied, ApplyError, RevocationList};
pub use role::{Role, UnknownRole};
pub use rule::Rule;
pub use state::State;
pub use ticket::{AccusedStation, AccusedTicket, RevealedSeed, TicketHandle};
pub use transaction::{
    Approval, CheckedTransaction, SignedTransaction, Transaction, TransactionError, TransactionId,
};
pub use tree::{Snapshot, SnapshotError, SnapshotManifest, StateProof, StateProofError, Tree};
pub use view::StateView;
pub use vote::{Proposal, Vote, vote_namespace};

#[cfg(test)]
mod tests;
