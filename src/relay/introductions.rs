use std::{collections::BTreeSet, ops::Bound};

use super::{Neighbour, Notice, Relay};
use crate::{geo::Cell, id::PeerId};

impl Relay {
    /// Tells somebody where units are; another unit only of ourselves, since it asks them too.
    pub(super) fn tell_units(&mut self, peer: PeerId) {
        let Some(member) = self.members.get(&peer) else {
            return;
        };
        let mut units = vec![self.own];
        if !member.is_unit {
            let others = self.members.values().filter_map(|other| other.unit);
            units.extend(others.filter(|other| other.address != self.own.address));
            units.sort_by_key(|unit| (unit.address != self.own.address, unit.address));
            units.dedup_by_key(|unit| unit.address);
        }
        self.notices.push_back((peer, Notice::Units(units)));
    }

    /// Tells everybody who may be called of those nearest who may be called, where that changed. In a
    /// crowd, where everybody has everybody to choose from, not all at once.
    pub(super) fn introduce(&mut self) {
        if self.config.introduced_max == 0 {
            return;
        }
        let last = self.introduced;
        let after = self
            .members
            .range((Bound::Excluded(last), Bound::Unbounded));
        let callable: Vec<PeerId> = after
            .chain(self.members.range(..=last))
            .filter(|(_, member)| member.neighbour().is_some())
            .map(|(peer, _)| *peer)
            .collect();
        let mut looked_at = 0;
        for peer in callable {
            if looked_at >= LOOKED_AT_MAX {
                return;
            }
            let nearest = self.nearest(peer, &mut looked_at);
            self.introduced = peer;
            let Some(member) = self.members.get_mut(&peer) else {
                continue;
            };
            let neighbours: BTreeSet<_> = nearest.iter().copied().collect();
            if neighbours != member.introduced {
                member.introduced = neighbours;
                self.notices
                    .push_back((peer, Notice::Introduction(nearest)));
            }
        }
    }

    /// The nearest others, nearest first; adds how many it looked at. Whoever is introduced already counts
    /// as nearer than it is, so that two at about the same distance do not take turns.
    fn nearest(&self, peer: PeerId, looked_at: &mut usize) -> Vec<Neighbour> {
        let Some((member, place)) = self
            .members
            .get(&peer)
            .and_then(|member| Some((member, member.place?)))
        else {
            return Vec::new();
        };
        let within_m = f64::from(self.config.introduced_within_m).min(Cell::RADIUS_MAX_M);
        let cells = Cell::within(place.position, within_m).unwrap_or_default();
        let others = cells.iter().filter_map(|cell| self.callable.get(cell));
        let mut nearest: Vec<(f64, Neighbour)> = others
            .flatten()
            .inspect(|_| *looked_at += 1)
            .filter_map(|id| self.members.get(id))
            .filter(|other| other.station != member.station)
            .filter_map(|other| {
                let neighbour = other.neighbour()?;
                let distance_m = place.frame.offset(other.place?.position).length_m();
                let is_known = member.introduced.contains(&neighbour);
                let counted_m = distance_m * if is_known { KNOWN_FACTOR } else { 1.0 };
                (counted_m <= within_m).then_some((counted_m, neighbour))
            })
            .collect();
        nearest.sort_by(|(a_m, a), (b_m, b)| a_m.total_cmp(b_m).then(a.cmp(b)));
        nearest.dedup_by_key(|(_, neighbour)| neighbour.station);
        nearest.truncate(self.config.introduced_max);
        nearest
            .into_iter()
            .map(|(_, neighbour)| neighbour)
            .collect()
    }
}

const KNOWN_FACTOR: f64 = 0.8;
/// Vehicles looked at in one round; some milliseconds.
const LOOKED_AT_MAX: usize = 1 << 16;
