//! Keeps the shape of the source: who may use whom, where input and output happen, and how long a
//! file may grow.
//!
//! Every Rust file is parsed, so nested imports count and doc links do not. Macro bodies are read
//! where they are lists of expressions, such as those of `assert_eq!`; other macro bodies are not.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use syn::{
    Expr, ExprAsync, ExprAwait, ItemMod, ItemUse, Macro, Signature, Token, UseTree,
    punctuated::Punctuated, visit::Visit,
};

/// The modules of the library, each with those it may use.
///
/// Whatever a module uses stands above it; `*` is every module above.
const MODULES: &[(&str, &[&str])] = &[
    ("units", &[]),
    ("time", &[]),
    ("id", &[]),
    ("geo", &["units", "id"]),
    ("lanes", &["units", "geo"]),
    ("message", &["units", "time", "id", "geo"]),
    ("crypto", &["id"]),
    (
        "security",
        &["units", "time", "id", "geo", "message", "crypto"],
    ),
    ("link", &["time", "id"]),
    ("track", VALUES_AND_MESSAGE),
    (
        "risk",
        &["units", "time", "id", "geo", "lanes", "message", "track"],
    ),
    ("hazards", VALUES_AND_TRACK),
    ("plausibility", &["*"]),
    ("world", &["*"]),
    ("traffic", &["*"]),
    (
        "evidence",
        &[
            "units",
            "time",
            "id",
            "geo",
            "message",
            "crypto",
            "security",
            "plausibility",
        ],
    ),
    (
        "ledger",
        &[
            "units", "time", "id", "geo", "message", "crypto", "security", "evidence",
        ],
    ),
    ("vault", &["time", "id", "crypto", "ledger"]),
    (
        "issuing",
        &["time", "id", "crypto", "security", "ledger", "vault"],
    ),
    (
        "relay",
        &[
            "units", "time", "id", "geo", "message", "crypto", "security", "evidence",
        ],
    ),
    ("pipeline", &["*"]),
    (
        "replay",
        &["units", "time", "id", "geo", "lanes", "message", "crypto"],
    ),
    ("sim", &["*"]),
    ("rpc", &["*"]),
    (
        "transport",
        &["time", "id", "crypto", "security", "link", "pipeline"],
    ),
    ("telemetry", &["crypto", "id"]),
    (
        "serve",
        &[
            "time",
            "id",
            "crypto",
            "security",
            "rpc",
            "transport",
            "telemetry",
        ],
    ),
];

const VALUES_AND_MESSAGE: &[&str] = &["units", "time", "id", "geo", "message"];
const VALUES_AND_TRACK: &[&str] = &["units", "time", "id", "geo", "message", "track"];

/// The modules that do input and output; all others decide, and are called with bytes and the time.
const EDGES: &[&str] = &["rpc", "transport", "telemetry", "serve"];

/// What no module but an edge may name.
const INPUT_AND_OUTPUT: &[&str] = &[
    "std::env",
    "std::fs",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::UdpSocket",
    "std::process",
];

/// Crates that do input or output, or that might be replaced, and the only places that name them.
///
/// The daemons stand here too, since neither may use the other.
const CONFINED: &[(&str, &[&str])] = &[
    // The laboratory runs stations side by side; none sees another, so the order does not matter.
    (
        "std::thread",
        &[
            "src/sim/",
            "src/rpc/",
            "src/transport/",
            "src/telemetry/",
            "src/cli/",
            "vehicle-agent/",
            "roadside-unit/",
            "tests/",
        ],
    ),
    ("aws_lc_rs", &["src/crypto/"]),
    ("blahaj", &["src/crypto/"]),
    ("blake3", &["src/crypto/"]),
    (
        "borsh",
        &[
            "src/time/",
            "src/id/",
            "src/crypto/",
            "src/ledger/",
            "src/vault/",
            "src/issuing/",
            "vehicle-agent/src/checkpoint/",
            "vehicle-agent/src/outbox",
            "vehicle-agent/src/tickets",
            "vehicle-agent/src/trust",
            "tests/conformance",
        ],
    ),
    ("chacha20poly1305", &["src/crypto/"]),
    (
        "clap",
        &["src/serve/", "src/cli/", "vehicle-agent/", "roadside-unit/"],
    ),
    ("commonware_consensus", ENGINE),
    ("commonware_cryptography", ENGINE),
    ("commonware_p2p", ENGINE),
    ("commonware_runtime", ENGINE),
    ("commonware_storage", ENGINE),
    ("csv", &["src/replay/"]),
    ("ed25519_dalek", &["src/crypto/", "tests/conformance"]),
    ("flate2", &["src/replay/", "tests/unit/golden"]),
    (
        "getrandom",
        &[
            "src/crypto/",
            "src/transport/",
            "src/cli/",
            "vehicle-agent/",
            "roadside-unit/",
        ],
    ),
    ("frost_ed25519", &["src/crypto/"]),
    ("h3o", &["src/geo/"]),
    ("hpke", &["src/crypto/"]),
    ("mcap", &["src/replay/", "tests/"]),
    (
        "prost",
        &[
            "src/message/",
            "src/relay/",
            "src/rpc/",
            "src/replay/",
            "vehicle-agent/src/grpc",
            "vehicle-agent/src/ledger",
            "roadside-unit/src/grpc",
            "roadside-unit/src/issuing",
            "proto/",
            "tests/",
        ],
    ),
    ("quick_xml", &["src/replay/"]),
    ("quinn", &["src/transport/", "src/cli/src/bench", "tests/"]),
    ("redb", &["roadside-unit/"]),
    (
        "roadside_unit",
        &["roadside-unit/src/main.rs", "src/cli/", "tests/"],
    ),
    (
        "rustls",
        &[
            "src/transport/",
            "src/cli/peers",
            "src/cli/src/bench",
            "src/serve/",
            "tests/",
        ],
    ),
    (
        "tokio",
        &[
            "src/transport/",
            "src/telemetry/",
            "src/serve/",
            "src/cli/",
            "vehicle-agent/",
            "roadside-unit/",
            "tests/",
        ],
    ),
    (
        "tonic",
        &[
            "src/rpc/",
            "src/serve/",
            "src/cli/",
            "vehicle-agent/src/grpc",
            "vehicle-agent/examples/",
            "roadside-unit/src/grpc",
            "tests/",
        ],
    ),
    (
        "vehicle_agent",
        &["vehicle-agent/src/main.rs", "src/cli/", "tests/"],
    ),
    (
        "wayside_engine",
        &["roadside-unit/", "src/cli/src/bench", "tests/"],
    ),
];

/// Whatever names the consensus engine compiles it, for minutes.
const ENGINE: &[&str] = &["roadside-unit/engine/"];

const FILE_LINES_MAX: usize = 600;

#[test]
fn modules_stand_below_what_they_may_use() {
    for (name, listed) in MODULES {
        for used in listed.iter().filter(|used| **used != "*") {
            assert!(above(name).contains(used), "{used} must stand above {name}");
        }
    }
}

#[test]
fn modules_use_only_what_they_may() {
    let mut violations = BTreeSet::new();
    for file in rust_files(&root().join("src")) {
        let Some(user) = module_of(&file) else {
            continue;
        };
        for used in Names::of(&file).within_crate() {
            if used != user && !may_use(&user).contains(&*used) {
                violations.insert(format!("{user} uses {used}"));
            }
        }
    }
    assert_eq!(violations, BTreeSet::new());
}

#[test]
fn modules_name_each_other_from_the_root() {
    let leaving: BTreeSet<_> = rust_files(&root().join("src"))
        .into_iter()
        .filter(|file| module_of(file).is_some() && Names::of(file).leaves_module)
        .collect();
    assert_eq!(leaving, BTreeSet::new(), "say `crate::`, not `super::`");
}

#[test]
fn logic_does_no_input_or_output() {
    let mut violations = BTreeSet::new();
    for file in rust_files(&root().join("src")) {
        let is_logic = module_of(&file).is_some_and(|module| !EDGES.contains(&&*module));
        if !is_logic || is_test(&file) {
            continue;
        }
        let (names, path) = (Names::of(&file), relative(&file));
        if names.is_asynchronous {
            violations.insert(format!("{path} is asynchronous"));
        }
        for forbidden in INPUT_AND_OUTPUT.iter().filter(|name| names.has(name)) {
            violations.insert(format!("{path} names {forbidden}"));
        }
    }
    assert_eq!(violations, BTreeSet::new());
}

#[test]
fn confined_crates_stay_in_their_place() {
    let mut violations = BTreeSet::new();
    for file in rust_files(&root()) {
        let (names, path) = (Names::of(&file), relative(&file));
        for (confined, places) in CONFINED {
            let is_allowed = places.iter().any(|place| path.starts_with(place));
            if !is_allowed && names.has(confined) {
                violations.insert(format!("{path} names {confined}"));
            }
        }
    }
    assert_eq!(violations, BTreeSet::new());
}

#[test]
fn files_fit_in_the_head() {
    let long: BTreeSet<_> = rust_files(&root())
        .into_iter()
        .filter(|file| fs::read_to_string(file).unwrap().lines().count() > FILE_LINES_MAX)
        .collect();
    assert_eq!(long, BTreeSet::new());
}

/// What one file names and does.
struct Names {
    /// Every path of at least two names, such as `crate::time::Now`.
    paths: BTreeSet<String>,
    /// What it imports by longer paths: `mcap` after `use wayside::replay::mcap` is no crate.
    imported: BTreeSet<String>,
    /// Whether it has an `async` function, an `async` block or an `.await`.
    is_asynchronous: bool,
    /// Whether one of its `super::` goes above its module of the library.
    leaves_module: bool,
    /// How many modules deep the place being read is.
    depth: usize,
}

impl Names {
    fn of(file: &Path) -> Self {
        let mut names = Self {
            paths: BTreeSet::new(),
            imported: BTreeSet::new(),
            is_asynchronous: false,
            leaves_module: false,
            depth: depth_of(file),
        };
        names.visit_file(&syn::parse_file(&fs::read_to_string(file).unwrap()).unwrap());
        names
    }

    /// Whether a path is this one, or goes through it.
    fn has(&self, name: &str) -> bool {
        !self.imported.contains(name)
            && self.paths.iter().any(|path| {
                path.strip_prefix(name)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
            })
    }

    /// The names that follow `crate::`.
    fn within_crate(&self) -> BTreeSet<String> {
        self.paths
            .iter()
            .filter_map(|path| path.strip_prefix("crate::"))
            .filter_map(|path| path.split("::").next())
            .map(str::to_owned)
            .collect()
    }

    fn add_path(&mut self, names: &[String]) {
        let ups = names.iter().take_while(|name| *name == "super").count();
        self.leaves_module |= ups >= self.depth;
        self.paths.insert(names.join("::"));
    }

    fn add_tree(&mut self, tree: &UseTree, before: &[String]) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.add_tree(&path.tree, &with(&path.ident)),
            UseTree::Name(name) => {
                if !before.is_empty() {
                    self.imported.insert(name.ident.to_string());
                }
                self.add_path(&with(&name.ident));
            }
            UseTree::Rename(rename) => self.add_path(&with(&rename.ident)),
            UseTree::Glob(_) => self.add_path(before),
            UseTree::Group(group) => {
                for item in &group.items {
                    self.add_tree(item, before);
                }
            }
        }
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.add_tree(&item.tree, &[]);
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        self.depth += 1;
        syn::visit::visit_item_mod(self, item);
        self.depth -= 1;
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<_> = path
            .segments
            .iter()
            .map(|it| it.ident.to_string())
            .collect();
        if names.len() > 1 {
            self.add_path(&names);
        }
        syn::visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, invoked: &'ast Macro) {
        let arguments = Punctuated::<Expr, Token![,]>::parse_terminated;
        if let Ok(expressions) = invoked.parse_body_with(arguments) {
            for expression in &expressions {
                self.visit_expr(expression);
            }
        }
        syn::visit::visit_macro(self, invoked);
    }

    fn visit_signature(&mut self, signature: &'ast Signature) {
        self.is_asynchronous |= signature.asyncness.is_some();
        syn::visit::visit_signature(self, signature);
    }

    fn visit_expr_async(&mut self, expression: &'ast ExprAsync) {
        self.is_asynchronous = true;
        syn::visit::visit_expr_async(self, expression);
    }

    fn visit_expr_await(&mut self, expression: &'ast ExprAwait) {
        self.is_asynchronous = true;
        syn::visit::visit_expr_await(self, expression);
    }
}

fn may_use(module: &str) -> BTreeSet<&'static str> {
    match MODULES.iter().find(|(name, _)| *name == module) {
        Some((_, ["*"])) => above(module),
        Some((_, listed)) => listed.iter().copied().collect(),
        None => panic!("{module} is not in MODULES"),
    }
}

fn above(module: &str) -> BTreeSet<&'static str> {
    MODULES
        .iter()
        .map(|(name, _)| *name)
        .take_while(|name| *name != module)
        .collect()
}

/// The module of the library a file belongs to, or `None` for `lib.rs` and the command line.
fn module_of(file: &Path) -> Option<String> {
    let within = file.strip_prefix(root().join("src")).ok()?;
    let first = within.components().next()?.as_os_str().to_str()?;
    let name = first.trim_end_matches(".rs");
    (!["lib", "cli"].contains(&name)).then(|| name.to_owned())
}

/// How many modules of the library hold a file: 1 for `src/geo/mod.rs`, 2 for `src/geo/cell.rs`.
fn depth_of(file: &Path) -> usize {
    let names = relative(file).split('/').count() - 1;
    if file.ends_with("mod.rs") {
        names - 1
    } else {
        names
    }
}

/// Whether a file holds only tests.
fn is_test(file: &Path) -> bool {
    relative(file)
        .split('/')
        .any(|name| name == "tests" || name == "tests.rs")
}

fn relative(file: &Path) -> String {
    let path = file.strip_prefix(root()).unwrap();
    path.to_str().unwrap().to_owned()
}

/// All Rust files below a folder but those in `target` and in hidden folders.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let (path, name) = (entry.path(), entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            if name != "target" && !name.to_str().unwrap().starts_with('.') {
                files.extend(rust_files(&path));
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().unwrap()
}
