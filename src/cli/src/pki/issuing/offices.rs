use anyhow::ensure;
use wayside::{id::GroupId, ledger::SetGroup};

/// Who holds which office of a development domain's group.
///
/// The full set-up takes five operators, of whom one may fail without a ticket less; four do with a
/// joint ticket authority of two. With fewer, operators hold several offices, as only a ledger for
/// development lets them.
pub(super) fn group(operators: u16) -> anyhow::Result<SetGroup> {
    ensure!(operators > 0, "nobody is there to issue tickets");
    let (linkage, members, threshold) = match operators {
        1 => (0, vec![0], 1),
        2 => (1, vec![0], 1),
        3 => (1, vec![2], 1),
        4 => (1, vec![2, 3], 2),
        _ => (1, vec![2, 3, 4], 2),
    };
    Ok(SetGroup {
        group: GROUP,
        enrolment: 0,
        linkage,
        members,
        threshold,
        replicas: 1,
    })
}

/// The only group of a development domain.
pub(super) const GROUP: GroupId = GroupId(0);
