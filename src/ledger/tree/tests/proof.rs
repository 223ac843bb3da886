use proptest::prelude::*;

use super::{numbers, value};
use crate::{
    crypto::{Digest, Purpose},
    ledger::{StateProof, StateProofError},
};

/// The parts of a proof, to forge with.
type Parts = (Vec<Digest>, Terminal);

/// The same layout as the real one.
#[derive(borsh::BorshDeserialize, borsh::BorshSerialize, Clone, Debug)]
enum Terminal {
    Found,
    Empty,
    Other { place: Digest, value: Digest },
}

fn parts(proof: &StateProof) -> Parts {
    borsh::from_slice(&borsh::to_vec(proof).unwrap()).unwrap()
}

fn proof(parts: &Parts) -> StateProof {
    borsh::from_slice(&borsh::to_vec(parts).unwrap()).unwrap()
}

fn place(key: u32) -> Digest {
    Digest::of(Purpose::LedgerStateKey, &[&key.to_le_bytes()])
}

const PRESENT: u32 = 40;
const ABSENT: u32 = 5_000;

#[test]
fn presence_and_absence_are_proven() {
    let tree = numbers(200);
    for key in 0..400 {
        let value = (key < 200).then(|| value(key));
        let proof = tree.prove(&key);
        assert_eq!(proof.verify(tree.root(), &key, value.as_ref()), Ok(()));
        let wrong = value.map_or(Some(1), |_| None::<u64>);
        assert!(proof.verify(tree.root(), &key, wrong.as_ref()).is_err());
    }
    let none = numbers(0);
    let absent = none.prove(&1).verify(none.root(), &1, None::<&u64>);
    assert_eq!(absent, Ok(()));
}

#[test]
fn l10_a_wrong_leaf_is_refused() {
    let tree = numbers(200);
    let proof = tree.prove(&PRESENT);
    let verify = |root, key, value: u64| proof.verify(root, &key, Some(&value));
    assert_eq!(verify(tree.root(), PRESENT, value(PRESENT)), Ok(()));
    for (root, key, value) in [
        (tree.root(), PRESENT, value(PRESENT) + 1),
        (tree.root(), PRESENT + 1, value(PRESENT)),
        (tree.root(), PRESENT + 1, value(PRESENT + 1)),
        (numbers(199).root(), PRESENT, value(PRESENT)),
    ] {
        assert_eq!(verify(root, key, value), Err(StateProofError::OtherRoot));
    }
}

#[test]
fn l10_swapped_or_missing_siblings_are_refused() {
    let tree = numbers(200);
    let (siblings, terminal) = parts(&tree.prove(&PRESENT));
    let refused = |siblings: Vec<Digest>| {
        let forged = proof(&(siblings, terminal.clone()));
        let verified = forged.verify(tree.root(), &PRESENT, Some(&value(PRESENT)));
        assert_eq!(verified, Err(StateProofError::OtherRoot));
    };
    for index in 0..siblings.len() {
        let mut shorter = siblings.clone();
        shorter.remove(index);
        refused(shorter);
        let mut longer = siblings.clone();
        longer.insert(index, Digest::from_bytes([0; 32]));
        refused(longer);
        if index > 0 {
            let mut swapped = siblings.clone();
            swapped.swap(index, index - 1);
            refused(swapped);
        }
    }
}

#[test]
fn l10_absence_is_not_forged() {
    let tree = numbers(200);
    let (siblings, _) = parts(&tree.prove(&PRESENT));
    let (root, none) = (tree.root(), None::<&u64>);
    let other = |key: u32| Terminal::Other {
        place: place(key),
        value: Digest::of(Purpose::LedgerStateValue, &[&value(key).to_le_bytes()]),
    };
    // The way to a present key, said to end elsewhere, earlier, or at another key's leaf.
    for depth in 0..=siblings.len() {
        for key in 0..200 {
            let forged = proof(&(siblings[..depth].to_vec(), other(key)));
            assert!(forged.verify(root, &PRESENT, none).is_err());
        }
        let forged = proof(&(siblings[..depth].to_vec(), Terminal::Empty));
        assert!(forged.verify(root, &PRESENT, none).is_err());
        let forged = proof(&(siblings[..depth].to_vec(), Terminal::Found));
        assert!(forged.verify(root, &PRESENT, none).is_err());
    }
    // Another key's own leaf says nothing of a key whose way parts from its way further up.
    for key in 0..200 {
        let (siblings, _) = parts(&tree.prove(&key));
        let forged = proof(&(siblings, other(key)));
        let verified = forged.verify(root, &PRESENT, none);
        assert!(verified.is_err());
    }
}

#[test]
fn l10_presence_is_not_forged() {
    let tree = numbers(200);
    let (siblings, terminal) = parts(&tree.prove(&ABSENT));
    for terminal in [terminal, Terminal::Found, Terminal::Empty] {
        let forged = proof(&(siblings.clone(), terminal));
        let verified = forged.verify(tree.root(), &ABSENT, Some(&value(ABSENT)));
        assert!(verified.is_err());
    }
}

// A node has its own context, so that its two halves are never a place and a value.
#[test]
fn l10_a_node_is_no_leaf() {
    let tree = numbers(200);
    let (siblings, _) = parts(&tree.prove(&PRESENT));
    let leaf = Digest::of(
        Purpose::LedgerStateLeaf,
        &[
            place(PRESENT).as_bytes(),
            Digest::of(Purpose::LedgerStateValue, &[&value(PRESENT).to_le_bytes()]).as_bytes(),
        ],
    );
    let last = *siblings.last().unwrap();
    for (left, right) in [(leaf, last), (last, leaf)] {
        let above = siblings[..siblings.len() - 1].to_vec();
        let terminal = Terminal::Other {
            place: left,
            value: right,
        };
        let forged = proof(&(above, terminal));
        for key in 0..400 {
            assert!(forged.verify(tree.root(), &key, None::<&u64>).is_err());
        }
    }
}

#[test]
fn l10_a_proof_longer_than_a_key_is_refused() {
    let forged = proof(&(vec![Digest::from_bytes([0; 32]); 257], Terminal::Empty));
    assert_eq!(
        forged.verify(Digest::from_bytes([0; 32]), &1_u32, None::<&u64>),
        Err(StateProofError::TooLong)
    );
}

proptest! {
    #[test]
    fn l10_any_changed_byte_of_a_proof_is_refused(
        key in 0..300_u32,
        index in any::<proptest::sample::Index>(),
        flip in 1..=255_u8,
    ) {
        let tree = numbers(150);
        let mut bytes = borsh::to_vec(&tree.prove(&key)).unwrap();
        let index = index.index(bytes.len());
        bytes[index] ^= flip;
        if let Ok(forged) = borsh::from_slice::<StateProof>(&bytes) {
            let held = tree.get(&key);
            prop_assert!(forged.verify(tree.root(), &key, held).is_err());
            let opposite = held.map_or(Some(7), |_| None);
            prop_assert!(forged.verify(tree.root(), &key, opposite.as_ref()).is_err());
        }
    }
}
