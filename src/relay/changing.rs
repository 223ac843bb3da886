use super::{Config, Interest, Notice, Relay, UnitPlace};

impl Relay {
    /// Takes in that the operator says something else of where this unit is, or how it relays.
    ///
    /// Who is connected and what is kept stays. Other units are told at once, and so is whoever uses this
    /// one; the pace at which tickets are handed over is for those who come from now on.
    pub fn handle_change(&mut self, own: UnitPlace, config: Config) {
        self.config = config.bounded();
        if own == self.own {
            return;
        }
        self.own = own;
        let members = self.members.iter();
        let members: Vec<_> = members.map(|(peer, it)| (*peer, it.is_unit)).collect();
        for (peer, is_unit) in members {
            if is_unit {
                let interest = Interest::of_unit(own.position, own.radius_m);
                self.notices.push_back((peer, Notice::Interest(interest)));
            }
            self.tell_units(peer);
        }
    }
}
