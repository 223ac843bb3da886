//! Whatever bytes come from outside: a decoder refuses them, or they are the one form of what it reads.

use std::collections::BTreeMap;

use proptest::{collection, prelude::*, sample};

use super::{epochs, issuing, samples};
use crate::ledger::{
    Action, Block, Bundle, Certificate, Checkpoint, Committee, CosignedCheckpoint, Delivery, Entry,
    FinalizedHeader, Genesis, Handover, Head, Header, IssuingProof, Key, Misconduct, Peaks, Proof,
    Receipt, RevocationUpdate, ShownHead, SignedTransaction, SnapshotManifest, StateProof, Value,
    sample_chain::shards,
};

/// A decoder, some bytes that it reads, and what it makes of any bytes: `None`, or their form again.
struct Decoder {
    name: &'static str,
    valid: Vec<u8>,
    again: fn(&[u8]) -> Option<Vec<u8>>,
}

fn again<T: borsh::BorshDeserialize + borsh::BorshSerialize>(bytes: &[u8]) -> Option<Vec<u8>> {
    Some(borsh::to_vec(&borsh::from_slice::<T>(bytes).ok()?).unwrap())
}

fn decoder<T: borsh::BorshDeserialize + borsh::BorshSerialize>(
    name: &'static str,
    value: &T,
) -> Decoder {
    Decoder {
        name,
        valid: borsh::to_vec(value).unwrap(),
        again: again::<T>,
    }
}

fn decoders() -> Vec<Decoder> {
    let block = samples::block();
    let Entry::Delivery(delivery) = block.entries[1].clone() else {
        unreachable!()
    };
    let mut peaks = Peaks::default();
    (0..5).for_each(|_| peaks.append(delivery.digest()));
    let mut decoders = vec![
        decoder::<Header>("header", &block.header),
        decoder::<Receipt>("receipt", &delivery.receipts[0].0),
        decoder::<Delivery>("delivery", &delivery),
        decoder::<FinalizedHeader>("finalized header", &samples::finalized()),
        decoder::<Certificate>("certificate", &samples::finalized().certificate),
        decoder::<Misconduct>("misconduct", &samples::misconduct()),
        decoder::<Committee>("committee", samples::first().committee()),
        decoder::<Peaks>("peaks", &peaks),
        decoder::<BTreeMap<Key, Value>>("entries of epochs", &epochs::entries()),
        decoder::<Vec<Receipt>>("receipts of epochs", &epochs::receipts()),
        decoder::<Vec<Action>>("actions of issuing", &issuing::actions()),
        decoder::<BTreeMap<Key, Value>>("entries of issuing", &issuing::entries()),
        decoder::<Vec<Receipt>>("receipts of issuing", &issuing::receipts()),
        decoder::<Handover>("hand-over", &epochs::handover()),
        decoder::<Head>("head", &samples::bundle().head),
        decoder::<StateProof>("state proof", &shards().1.state.prove(&Key::Chain)),
    ];
    decoders.extend(files(&block));
    decoders.extend(issuing_files());
    decoders
}

fn files(block: &Block) -> [Decoder; 10] {
    [
        Decoder {
            name: "change of the committee",
            valid: epochs::change().to_bytes(),
            again: |bytes| {
                let change = SignedTransaction::from_bytes(bytes, 1 << 16);
                Some(change.ok()?.to_bytes())
            },
        },
        Decoder {
            name: "transaction",
            valid: samples::transaction().to_bytes(),
            again: |bytes| {
                Some(
                    SignedTransaction::from_bytes(bytes, 1 << 16)
                        .ok()?
                        .to_bytes(),
                )
            },
        },
        Decoder {
            name: "block",
            valid: block.to_bytes(),
            again: |bytes| Some(Block::from_bytes(bytes, 1 << 20).ok()?.to_bytes()),
        },
        Decoder {
            name: "genesis",
            valid: samples::first().to_bytes(),
            again: |bytes| Some(Genesis::from_bytes(bytes).ok()?.to_bytes()),
        },
        Decoder {
            name: "snapshot manifest",
            valid: samples::snapshot().0.to_bytes(),
            again: |bytes| Some(SnapshotManifest::from_bytes(bytes).ok()?.to_bytes()),
        },
        Decoder {
            name: "proof",
            valid: samples::entry_proof().to_bytes(),
            again: |bytes| Some(Proof::from_bytes(bytes).ok()?.to_bytes()),
        },
        Decoder {
            name: "bundle",
            valid: samples::bundle().to_bytes(),
            again: |bytes| Some(Bundle::from_bytes(bytes).ok()?.to_bytes()),
        },
        Decoder {
            name: "checkpoint",
            valid: samples::recent().to_bytes(),
            again: |bytes| Some(Checkpoint::from_bytes(bytes).ok()?.to_bytes()),
        },
        Decoder {
            name: "cosigned checkpoint",
            valid: samples::cosigned().to_bytes(),
            again: |bytes| Some(CosignedCheckpoint::from_bytes(bytes).ok()?.to_bytes()),
        },
        Decoder {
            name: "shown head",
            valid: samples::shown().to_bytes(),
            again: |bytes| Some(ShownHead::from_bytes(bytes)?.to_bytes()),
        },
    ]
}

fn issuing_files() -> [Decoder; 2] {
    [
        Decoder {
            name: "proof of who issues tickets",
            valid: issuing::proof().to_bytes(),
            again: |bytes| Some(IssuingProof::from_bytes(bytes).ok()?.to_bytes()),
        },
        Decoder {
            name: "update of revoked tickets",
            valid: issuing::update().to_bytes(),
            again: |bytes| Some(RevocationUpdate::from_bytes(bytes).ok()?.to_bytes()),
        },
    ]
}

#[test]
fn every_decoder_reads_what_its_encoder_writes() {
    for it in decoders() {
        assert_eq!((it.again)(&it.valid), Some(it.valid.clone()), "{}", it.name);
    }
}

#[test]
fn every_decoder_refuses_what_is_cut_short_or_too_long() {
    for it in decoders() {
        for length in 0..it.valid.len() {
            assert_eq!(
                (it.again)(&it.valid[..length]),
                None,
                "{} {length}",
                it.name
            );
        }
        let longer = [&*it.valid, &[0]].concat();
        assert_eq!((it.again)(&longer), None, "{}", it.name);
    }
}

// A length of four billion in four bytes must not be believed, let alone answered with memory.
#[test]
fn every_decoder_refuses_lengths_that_nothing_follows() {
    for it in decoders() {
        for index in 0..it.valid.len().saturating_sub(4) {
            let mut bytes = it.valid.clone();
            bytes[index..index + 4].fill(0xff);
            if let Some(again) = (it.again)(&bytes) {
                assert_eq!(again, bytes, "{} {index}", it.name);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_decoder_has_one_form_of_everything(
        edits in collection::vec((any::<sample::Index>(), any::<u8>()), 1..6),
    ) {
        for it in decoders_once() {
            let mut bytes = it.valid.clone();
            for (index, byte) in &edits {
                bytes[index.index(it.valid.len())] = *byte;
            }
            if let Some(again) = (it.again)(&bytes) {
                prop_assert_eq!(again, bytes, "{}", it.name);
            }
        }
    }

    #[test]
    fn no_decoder_breaks_on_junk(bytes in collection::vec(any::<u8>(), 0..600)) {
        for it in decoders_once() {
            if let Some(again) = (it.again)(&bytes) {
                prop_assert_eq!(again, bytes.clone(), "{}", it.name);
            }
        }
    }
}

/// All decoders, made once, since every signature in them costs.
fn decoders_once() -> &'static [Decoder] {
    static DECODERS: std::sync::OnceLock<Vec<Decoder>> = std::sync::OnceLock::new();
    DECODERS.get_or_init(decoders)
}
