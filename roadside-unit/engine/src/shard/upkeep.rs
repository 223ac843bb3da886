//! What an operator has to see to while the ledger goes on: newer rules, and who keeps old blocks.

use std::sync::atomic::Ordering;

use wayside::ledger::StateView as _;

use super::{Node, Shard};
use crate::RulesStanding;

impl Shard {
    /// The version of the rules that the block after another follows, if this process does not know
    /// it: then it can neither make nor judge that block, nor any later one.
    pub(crate) fn rules_missing(&self, below: &Node) -> Option<u16> {
        let rules = below.state.chain()?.rules_at(below.header.height + 1);
        (rules > self.rules).then_some(rules)
    }

    /// Which rules are followed after a block, and which come.
    pub(super) fn rules_standing(&self, tip: &Node) -> RulesStanding {
        let height = tip.header.height + 1;
        let chain = tip.state.chain();
        RulesStanding {
            followed: chain.map_or(self.rules, |chain| chain.rules_at(height)),
            supported: self.rules,
            next: chain.and_then(|chain| chain.next_rules.filter(|next| next.height > height)),
        }
    }

    /// Notes whether this process keeps all blocks for ever.
    pub(crate) fn set_archive(&self, is_archive: bool) {
        self.is_archive.store(is_archive, Ordering::Relaxed);
    }

    /// Whether this process keeps all blocks for ever.
    pub(crate) fn is_archive(&self) -> bool {
        self.is_archive.load(Ordering::Relaxed)
    }

    /// How many members, this one included, keep all blocks for ever and have them all.
    pub(crate) fn archives(&self) -> usize {
        let is_member = self.session().member.is_some();
        let is_one = is_member && self.is_archive() && self.oldest() <= 1;
        let standings = self.standings();
        let others = standings
            .iter()
            .filter(|it| it.is_archive && it.oldest <= 1);
        others.count() + usize::from(is_one)
    }

    /// How many of them the committee must have before anybody forgets a block.
    pub(crate) fn archives_required(&self) -> usize {
        self.session().committee.keys().len().min(ARCHIVES_MIN)
    }
}

const ARCHIVES_MIN: usize = 3;
