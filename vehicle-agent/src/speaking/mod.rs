//! The vehicle's right to speak, and to whom it listens: brings tickets, the table of those who issue
//! them, and the list of those that are revoked.
//!
//! Everything that is decided is decided elsewhere: which tickets are asked for and when by
//! [`Preloader`](crate::tickets::Preloader), whom to believe by
//! [`TrustKeeper`](crate::trust::TrustKeeper), what is revoked by the station. Here are the tasks that
//! run them, on disk and network.
//!
//! ```text
//! driving stack ─▶ Preloader ─▶ preload ─▶ door of a unit ─▶ operator that enrols
//!                                └─▶ requests and tickets on disk ─▶ station
//!              TrustKeeper ◀─ follow ─── door of a unit
//!                 └─▶ trust domain, believed units
//!                  station ◀─ listen ─── door of a unit, other cars
//! ```
//!
//! Each of the three has connections of its own, each from a port of its own, at moments of its own:
//! the one that names the vehicle asks for no tickets, and neither of them brings the list. Address and
//! timing can still tie them together.
//!
//! # What an evil unit can do
//!
//! It can keep a car waiting, and no more:
//!
//! | it | and the car |
//! |---|---|
//! | keeps a request, or its tickets, to itself | asks again, at the next unit |
//! | answers for the operator, or changes the answer | cannot open it, and asks at the next unit |
//! | says that the operator knows no such request | sends the same bytes again; keys are not given up for that |
//! | says that the request is sealed to an old key | believes it only of several operators' units, and never once it was accepted |
//! | shows who issued tickets yesterday | refuses what is older than what it knows |
//! | ends the list of revoked tickets early | sees by the time of its newest block how old it is |

mod errand;
mod follow;
mod list;
mod list_file;
mod preload;
mod shared;

pub use list_file::RevocationFile;
pub use shared::{Speaking, SpeakingState};

pub(crate) use shared::Opened;

pub(crate) use follow::{follow_issuing, take_over_operators};
pub(crate) use list::{keep_list, listen};
pub(crate) use preload::preload;
