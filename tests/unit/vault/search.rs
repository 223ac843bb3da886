use std::{
    fs,
    path::{Path, PathBuf},
};

/// Which of these bytes stand in which files below a folder.
pub(super) fn search(folder: &Path, canaries: &[(String, Vec<u8>)]) -> Vec<String> {
    let mut found = Vec::new();
    for path in files(folder) {
        // A file may be gone since it was listed.
        let Ok(bytes) = fs::read(&path) else {
            continue;
        };
        for (what, canary) in canaries {
            if bytes.windows(canary.len()).any(|it| it == canary) {
                found.push(format!("{what} in {}", path.display()));
            }
        }
    }
    found
}

pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.is_file() {
            found.push(path);
        }
    }
    found
}

pub(super) fn copy(from: &Path, to: &Path) {
    for path in files(from) {
        let copied = to.join(path.strip_prefix(from).unwrap());
        fs::create_dir_all(copied.parent().unwrap()).unwrap();
        fs::copy(path, copied).unwrap();
    }
}
