use std::{
    fs::{self, Permissions},
    io,
    os::unix::{
        fs::{FileTypeExt as _, PermissionsExt as _},
        net::UnixStream,
    },
    path::{Path, PathBuf},
};

use tokio::net::UnixListener;

use super::ListenError;
use crate::serve::Mode;

/// A unix socket's file, removed when dropped.
pub(super) struct Socket {
    path: PathBuf,
}

impl Socket {
    /// Makes the socket with its final permissions; takes the place of one that nobody answers.
    pub(super) fn bind(path: PathBuf, mode: Mode) -> Result<(Self, UnixListener), ListenError> {
        let unusable = |source| ListenError::Socket {
            path: path.clone(),
            source,
        };
        check_place(&path)?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(unusable)?;
        }
        // Under another name first, so that nobody can connect before the permissions are right.
        let unready = path.with_extension(format!("{}", std::process::id()));
        let listener = UnixListener::bind(&unready).map_err(unusable)?;
        let opened = fs::set_permissions(&unready, Permissions::from_mode(mode.bits()))
            .and_then(|()| fs::rename(&unready, &path));
        if let Err(source) = opened {
            // The error to tell is the first one.
            let _ = fs::remove_file(&unready);
            return Err(unusable(source));
        }
        Ok((Self { path }, listener))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // A restarted agent takes the place of a socket that was left behind.
        let _ = fs::remove_file(&self.path);
    }
}

/// Fails if the place is taken by a living process, or by something that is no socket.
fn check_place(path: &Path) -> Result<(), ListenError> {
    let unusable = |source| ListenError::Socket {
        path: path.to_owned(),
        source,
    };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(unusable(source)),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(unusable(io::Error::other(
                "there is a file that is no socket",
            )));
        }
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(ListenError::SocketInUse(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        Err(source) => Err(unusable(source)),
    }
}
