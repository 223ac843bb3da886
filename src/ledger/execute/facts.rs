use std::collections::BTreeSet;

use super::step::Step;
use crate::ledger::{AccountKey, Key, NextRules, Role, RoleHolder, Rule, StateView, Value};

/// What shard 0 decides and all others hear of.
impl Step<'_, '_> {
    pub(super) fn add_role(&mut self, key: AccountKey, role: Role, name: &str) {
        let holder = self.overlay.role_holder(key);
        let mut roles = holder.map_or(BTreeSet::new(), |holder| holder.roles.clone());
        roles.insert(role);
        let holder = RoleHolder {
            name: name.to_owned(),
            roles,
        };
        self.put(Key::Role(key), Value::Role(holder));
        self.open_account(key);
    }

    pub(super) fn drop_role(&mut self, key: AccountKey, role: Role) {
        let Some(mut holder) = self.overlay.role_holder(key).cloned() else {
            return;
        };
        holder.roles.remove(&role);
        if holder.roles.is_empty() {
            self.remove(Key::Role(key));
        } else {
            self.put(Key::Role(key), Value::Role(holder));
        }
    }

    /// Follows another version of the rules from a height on, the next one at the earliest.
    ///
    /// Since version 2, whoever finds a scheduled version wanting can take it back: by scheduling the
    /// one that is followed.
    pub(super) fn take_rules(&mut self, next: NextRules) -> Result<(), Rule> {
        let chain = self.overlay.chain();
        let mut chain = *chain.expect("every shard knows itself");
        let takes_back = self.context.rules >= WITHDRAWAL && next.rules == chain.rules;
        if takes_back {
            let scheduled = chain.next_rules.take();
            scheduled.ok_or(Rule::NothingChanges)?;
        } else if next.rules <= chain.rules {
            return Err(Rule::RulesBackward);
        } else {
            let height = next.height.max(self.context.height + 1);
            chain.next_rules = Some(NextRules { height, ..next });
        }
        self.put(Key::Chain, Value::Chain(chain));
        Ok(())
    }
}

/// The version of the rules since which a scheduled one can be taken back.
const WITHDRAWAL: u16 = 2;
