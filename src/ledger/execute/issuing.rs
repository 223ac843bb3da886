use super::step::Step;
use crate::ledger::{AccountKey, IssuingKeyOwner, IssuingSeat, Key, StateView, Value};

/// What shard 0 decides about who issues tickets, and all others hear of.
impl Step<'_, '_> {
    /// Writes down by which keys an operator's replica speaks, and lets it send transactions.
    pub(super) fn put_seat_of(&mut self, owner: IssuingKeyOwner, seat: IssuingSeat) {
        let key = seat.current.key;
        self.open_account(key);
        self.put(Key::IssuingKeyOwner(key), Value::IssuingKeyOwner(owner));
        let place = Key::IssuingSeat(owner.operator, owner.replica);
        self.put(place, Value::IssuingSeat(seat));
    }

    /// Gives an operator another cold key, and lets none of its issuing keys count.
    pub(super) fn take_operator_key(&mut self, index: u16, cold_key: AccountKey) {
        let seats = self.overlay.issuing_seats(index);
        let replicas: Vec<_> = seats.map(|(replica, _)| replica).collect();
        for replica in replicas {
            self.remove(Key::IssuingSeat(index, replica));
        }
        if let Some(mut operator) = self.overlay.operator(index).cloned() {
            operator.cold_key = cold_key;
            self.put(Key::Operator(index), Value::Operator(operator));
        }
        self.open_account(cold_key);
    }
}
