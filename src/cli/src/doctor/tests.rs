use super::{
    machine::{look_at_buffers, look_at_clock, look_at_core_dumps, look_at_open_files},
    report::Report,
};

/// What one look found, in text.
fn found(look: impl FnOnce(&mut Report)) -> String {
    let mut report = Report::default();
    look(&mut report);
    report.lines(true).to_string()
}

#[test]
fn a_clock_that_is_not_synchronised_is_wrong() {
    assert!(found(|it| look_at_clock(Some("yes"), it)).starts_with("well"));
    assert!(found(|it| look_at_clock(Some("no"), it)).starts_with("WRONG"));
    assert!(found(|it| look_at_clock(None, it)).starts_with("doubtful"));
}

#[test]
fn small_buffers_are_told_with_the_command_that_widens_them() {
    let small = found(|it| look_at_buffers("rmem_max", Some(212_992), it));
    assert!(small.starts_with("doubtful"), "{small}");
    assert!(
        small.contains("sysctl -w net.core.rmem_max=1048576"),
        "{small}"
    );
    assert!(found(|it| look_at_buffers("rmem_max", Some(1_048_576), it)).starts_with("well"));
}

#[test]
fn too_few_open_files_are_wrong() {
    assert!(found(|it| look_at_open_files(Some(256), it)).starts_with("WRONG"));
    assert!(found(|it| look_at_open_files(Some(1_024), it)).starts_with("doubtful"));
    assert!(found(|it| look_at_open_files(Some(65_536), it)).starts_with("well"));
    assert!(found(|it| look_at_open_files(None, it)).starts_with("well"));
}

#[test]
fn programs_that_are_handed_core_dumps_are_named() {
    let handed = found(|it| look_at_core_dumps(Some("|/usr/share/apport/apport -p%p\n"), it));
    assert!(handed.starts_with("doubtful"), "{handed}");
    assert!(handed.contains("apport"), "{handed}");
    assert!(found(|it| look_at_core_dumps(Some("core\n"), it)).starts_with("well"));
    let kept = Some("|/lib/systemd/systemd-coredump %P %u %g %s %t 9223372036854775808 %h");
    assert!(found(|it| look_at_core_dumps(kept, it)).starts_with("well"));
}
