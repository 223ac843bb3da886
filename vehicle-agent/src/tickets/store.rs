use std::{
    fs, io,
    path::{Path, PathBuf},
};

use thiserror::Error;
use wayside::serve::to_hex;

use super::{TicketRequest, Token};
use crate::state_file::{self, StateFileError};

/// Requests for tickets on disk, each in a file of its own that the agent's user alone can read.
///
/// The folder lies in the state folder, whose lock is held by whoever opens this.
#[derive(Clone, Debug)]
pub struct RequestStore {
    folder: PathBuf,
}

/// What a store held.
#[derive(Debug)]
pub struct StoreOpened {
    /// The store.
    pub store: RequestStore,
    /// Its requests.
    pub requests: Vec<TicketRequest>,
    /// Files that were damaged and put aside; the keys in them are lost.
    pub damaged: Vec<PathBuf>,
}

/// Requests cannot be read or written.
#[derive(Debug, Error)]
pub enum RequestStoreError {
    /// The folder cannot be used.
    #[error("cannot use {}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A file cannot be used.
    #[error(transparent)]
    File(#[from] StateFileError),
}

impl RequestStore {
    /// Opens the store of a state folder, or begins one.
    pub fn open(state: &Path) -> Result<StoreOpened, RequestStoreError> {
        let folder = state.join(FOLDER_NAME);
        let unusable = |source| RequestStoreError::Folder {
            path: folder.clone(),
            source,
        };
        fs::create_dir_all(&folder).map_err(unusable)?;
        let entries = fs::read_dir(&folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut opened = StoreOpened {
            store: Self {
                folder: folder.clone(),
            },
            requests: Vec::new(),
            damaged: Vec::new(),
        };
        for entry in entries.map_err(unusable)? {
            let path = entry.path();
            if path.extension().is_some_and(|ending| ending == "next") {
                // It was never whole, and nothing that it asks for was sent.
                state_file::remove(&path)?;
                continue;
            }
            if path.extension().is_none_or(|ending| ending != ENDING) {
                continue;
            }
            let read = match state_file::read(&path, MAGIC) {
                Ok(read) => read.and_then(|bytes| TicketRequest::from_bytes(&bytes)),
                Err(StateFileError::Damaged(_)) => None,
                Err(error @ StateFileError::Unusable { .. }) => return Err(error.into()),
            };
            match read {
                Some(request) => opened.requests.push(request),
                None => opened.damaged.push(state_file::set_aside(&path)?),
            }
        }
        Ok(opened)
    }

    /// Writes a request and returns once it would survive a power failure.
    pub fn keep(&self, request: &TicketRequest) -> Result<(), RequestStoreError> {
        let path = self.path(request.token);
        Ok(state_file::write(&path, MAGIC, &request.to_bytes())?)
    }

    /// Removes a request, if it is there.
    pub fn forget(&self, token: Token) -> Result<(), RequestStoreError> {
        Ok(state_file::remove(&self.path(token))?)
    }

    fn path(&self, token: Token) -> PathBuf {
        self.folder.join(format!("{}.{ENDING}", to_hex(&token.0)))
    }
}

const FOLDER_NAME: &str = "ticket-requests";
const ENDING: &str = "request";
const MAGIC: &[u8; 8] = b"WSTICKR1";
