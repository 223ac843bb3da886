use std::collections::BTreeMap;

use super::{Interest, reach::Place};
use crate::{
    geo::{Cell, CoarseCell, Position},
    id::PeerId,
};

/// Who may want to hear of what happens somewhere, by cells: small areas by small ones, large areas by
/// large ones, so that no area has many.
#[derive(Debug, Default)]
pub(super) struct Index {
    fine: BTreeMap<Cell, Vec<PeerId>>,
    coarse: BTreeMap<CoarseCell, Vec<PeerId>>,
}

/// Where a peer stands in the index.
#[derive(Debug, Default)]
pub(super) struct Entries {
    fine: Vec<Cell>,
    coarse: Vec<CoarseCell>,
}

impl Index {
    /// Registers the areas of somebody at `place`; they stay right while its cell stays the same.
    pub(super) fn register(
        &mut self,
        peer: PeerId,
        interest: &Interest,
        place: Option<&Place>,
    ) -> Entries {
        let mut entries = Entries::default();
        for area in &interest.areas {
            let Some((centre, radius_m)) = area.circle(place) else {
                continue;
            };
            if radius_m <= FINE_RADIUS_MAX_M
                && let Some(cells) = Cell::within(centre, radius_m)
            {
                entries.fine.extend(cells);
            } else if let Some(cells) = CoarseCell::within(centre, radius_m) {
                entries.coarse.extend(cells);
            }
        }
        entries.fine.sort_unstable();
        entries.fine.dedup();
        entries.coarse.sort_unstable();
        entries.coarse.dedup();
        for cell in &entries.fine {
            self.fine.entry(*cell).or_default().push(peer);
        }
        for cell in &entries.coarse {
            self.coarse.entry(*cell).or_default().push(peer);
        }
        entries
    }

    /// Takes back what [`Self::register`] did.
    pub(super) fn forget(&mut self, peer: PeerId, entries: &Entries) {
        for cell in &entries.fine {
            forget_one(&mut self.fine, *cell, peer);
        }
        for cell in &entries.coarse {
            forget_one(&mut self.coarse, *cell, peer);
        }
    }

    /// Finds whose areas may hold a point in `cell`, each once, in order.
    pub(super) fn find(&self, point: Position, cell: Cell, found: &mut Vec<PeerId>) {
        found.clear();
        found.extend(self.fine.get(&cell).into_iter().flatten());
        if !self.coarse.is_empty() {
            let coarse = self.coarse.get(&CoarseCell::at(point));
            found.extend(coarse.into_iter().flatten());
        }
        found.sort_unstable();
        found.dedup();
    }

    /// How many cells somebody is registered in.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.fine.len() + self.coarse.len()
    }
}

fn forget_one<C: Ord>(index: &mut BTreeMap<C, Vec<PeerId>>, cell: C, peer: PeerId) {
    if let Some(peers) = index.get_mut(&cell) {
        peers.retain(|other| *other != peer);
        if peers.is_empty() {
            index.remove(&cell);
        }
    }
}

/// Areas of up to this radius are registered in at most 91 small cells, larger ones in as many large
/// ones or some more.
const FINE_RADIUS_MAX_M: f64 = 1_000.0;
