//! A ledger of three shards without an engine: every block is proposed, checked and executed again.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    crypto::Digest,
    id::{ShardId, VehicleId},
    ledger::{
        AccountKey, Action, Birth, Block, BlockContext, Certificate, CheckedDelivery, CheckedEntry,
        CheckedTransaction, Delivery, DeliveryError, Entry, ExecuteError, FinalizedHeader, Genesis,
        Header, KeyCache, Label, List, Outcome, PartTag, Receipt, Role, RoleGrant, ShardEntry,
        State, StateView, TagCertificate, TagKind, Transaction, Vehicle, execute, propose,
        sample::{self, account, key},
        verify_block,
    },
    time::Timestamp,
};

pub(super) const MAKER: u8 = 1;
pub(super) const WORKSHOP: u8 = 2;
pub(super) const INSPECTION: u8 = 3;
pub(super) const TAG_ISSUER: u8 = 4;
pub(super) const REGISTRY: u8 = 5;
pub(super) const INSURER: u8 = 6;
pub(super) const AUTHORITY: u8 = 7;
pub(super) const LENDER: u8 = 8;
pub(super) const PART_MAKER: u8 = 9;
pub(super) const DISTRIBUTOR: u8 = 10;
pub(super) const CUSTODIAN: u8 = 11;
pub(super) const OTHER_WORKSHOP: u8 = 12;
pub(super) const OTHER_LENDER: u8 = 13;
pub(super) const OWNER: u8 = 20;
pub(super) const BUYER: u8 = 21;
pub(super) const HOLDER: u8 = 22;
pub(super) const STRANGER: u8 = 30;
/// The key of vehicle `n` is `CAR + n`.
pub(super) const CAR: u8 = 40;

/// A ledger of shards 0 and 1, and of shard 2, which takes no new vehicles yet.
pub(super) struct World {
    pub(super) genesis: Genesis,
    pub(super) shards: BTreeMap<ShardId, Chain>,
    /// The time of the next block.
    pub(super) time: Timestamp,
    nonces: BTreeMap<(u8, ShardId), u64>,
    keys: KeyCache,
}

/// One shard's blocks.
pub(super) struct Chain {
    pub(super) header: Header,
    pub(super) state: State,
    /// What each block told other shards.
    pub(super) sent: Vec<(Header, Vec<Receipt>)>,
    /// The state after each block.
    pub(super) states: Vec<State>,
    /// All blocks, with the vehicles whose history each entry is part of.
    pub(super) blocks: Vec<(Block, Touched)>,
}

/// For each entry of a block, the vehicles and the record's place in their histories.
pub(super) type Touched = Vec<Vec<(VehicleId, u64)>>;

impl World {
    pub(super) fn new() -> Self {
        let roles = [
            (REGISTRY, Role::Registry),
            (INSURER, Role::Insurer),
            (AUTHORITY, Role::Authority),
            (LENDER, Role::Lender),
            (PART_MAKER, Role::PartMaker),
            (DISTRIBUTOR, Role::Distributor),
            (CUSTODIAN, Role::Custodian),
            (OTHER_WORKSHOP, Role::Workshop),
            (OTHER_LENDER, Role::Lender),
        ];
        let mut content = sample::content(4);
        content.roles.extend(roles.map(|(number, role)| RoleGrant {
            key: account(number),
            role,
            name: role.to_string(),
        }));
        content.shards.push(ShardEntry {
            id: ShardId(2),
            weight: 0,
        });
        for operator in &mut content.operators {
            let address = "127.0.0.1:4999".to_owned();
            operator.addresses.insert(ShardId(2), address);
        }
        content.buckets = std::array::from_fn(|byte| ShardId(u16::try_from(byte % 3).unwrap()));
        content.sort();
        Self::of(Genesis::new(content).unwrap())
    }

    pub(super) fn of(genesis: Genesis) -> Self {
        let shards = genesis.shards.iter().map(|entry| {
            let state = State::genesis(&genesis, entry.id);
            let block = Block::genesis(&genesis, entry.id, state.root());
            let chain = Chain {
                header: block.header.clone(),
                states: vec![state.clone()],
                state,
                sent: Vec::new(),
                blocks: vec![(block, Vec::new())],
            };
            (entry.id, chain)
        });
        Self {
            shards: shards.collect(),
            time: genesis.created.saturating_add(DAY),
            nonces: BTreeMap::new(),
            keys: KeyCache::default(),
            genesis,
        }
    }

    pub(super) fn wait(&mut self, duration: Duration) {
        self.time = self.time.saturating_add(duration);
    }

    pub(super) fn state(&self, shard: u16) -> &State {
        &self.shards[&ShardId(shard)].state
    }

    /// The state of a shard after the block at a height.
    pub(super) fn state_at(&self, shard: u16, height: u64) -> State {
        let states = &self.shards[&ShardId(shard)].states;
        states[usize::try_from(height).unwrap()].clone()
    }

    pub(super) fn vehicle(&self, id: VehicleId) -> &Vehicle {
        self.state(id.home.0).vehicle(id).unwrap()
    }

    /// A transaction signed by the first of `signers` and agreed to by the others.
    pub(super) fn transaction(
        &mut self,
        shard: u16,
        signers: &[u8],
        action: impl Into<Action>,
    ) -> CheckedTransaction {
        let sender = *signers.first().unwrap();
        let nonce = self.nonces.entry((sender, ShardId(shard))).or_insert(0);
        let transaction = Transaction {
            version: Transaction::VERSION,
            chain: self.genesis.chain(),
            shard: ShardId(shard),
            sender: account(sender),
            nonce: *nonce,
            expires: None,
            approvers: Vec::new(),
            action: action.into(),
        };
        *nonce += 1;
        self.sign(transaction, signers)
    }

    /// Lets the next transaction have the nonce of one that came to nothing, if it was the last.
    pub(super) fn take_back(&mut self, transaction: &CheckedTransaction) {
        let transaction = transaction.transaction();
        for ((sender, shard), next) in &mut self.nonces {
            let is_last = *next == transaction.nonce + 1 && *shard == transaction.shard;
            if is_last && account(*sender) == transaction.sender {
                *next -= 1;
            }
        }
    }

    pub(super) fn sign(&mut self, transaction: Transaction, signers: &[u8]) -> CheckedTransaction {
        let (sender, approvers) = signers.split_first().unwrap();
        let transaction = transaction.with_approvers(approvers.iter().map(|it| account(*it)));
        let approvals: Vec<_> = approvers
            .iter()
            .map(|it| transaction.approve(&key(*it)))
            .collect();
        let shard = transaction.shard;
        let signed = transaction.sign(&key(*sender));
        let signed = approvals
            .into_iter()
            .fold(signed, |signed, approval| signed.with_approval(approval));
        signed.check(&self.genesis, shard, &mut self.keys).unwrap()
    }

    /// Executes a block of these entries, checked in all ways that a member has.
    pub(super) fn block(
        &mut self,
        shard: u16,
        entries: Vec<CheckedEntry>,
    ) -> Result<Vec<Outcome>, ExecuteError> {
        let chain = self.shards.get_mut(&ShardId(shard)).unwrap();
        let context = BlockContext::after(&self.genesis, &chain.header, &chain.state, self.time);
        let executed = execute(&context, &chain.state, &entries)?;
        let (block, proposed) = propose(&context, &chain.state, 0, entries.clone()).unwrap();
        assert_eq!(proposed.outcomes, executed.outcomes);
        assert_eq!(proposed.receipts, executed.receipts);
        let verified = verify_block(&self.genesis, &chain.header, &chain.state, &block, &entries);
        assert_eq!(verified.unwrap().state.root(), executed.state.root());
        chain.header = block.header.clone();
        chain.states.push(executed.state.clone());
        chain.state = executed.state;
        chain.sent.push((block.header.clone(), executed.receipts));
        chain.blocks.push((block, executed.touched));
        self.wait(Duration::from_millis(1));
        Ok(executed.outcomes)
    }

    /// Executes a block of one transaction.
    pub(super) fn send(
        &mut self,
        shard: u16,
        signers: &[u8],
        action: impl Into<Action>,
    ) -> Outcome {
        let transaction = self.transaction(shard, signers, action);
        let entries = vec![CheckedEntry::Transaction(transaction)];
        self.block(shard, entries).unwrap()[0]
    }

    pub(super) fn apply(&mut self, shard: u16, signers: &[u8], action: impl Into<Action>) {
        assert_eq!(self.send(shard, signers, action), Outcome::Applied);
    }

    /// The next receipts of one block of a source for a destination, proven.
    pub(super) fn delivery(&self, source: u16, destination: u16) -> Option<CheckedEntry> {
        let next = self.state(destination).received(ShardId(source));
        self.delivery_from(source, destination, next)
    }

    /// The same, beginning with any receipt that was ever sent.
    pub(super) fn delivery_from(
        &self,
        source: u16,
        destination: u16,
        next: u64,
    ) -> Option<CheckedEntry> {
        let delivery = self.unchecked_delivery(source, destination, next)?;
        let checked = self.check_delivery(delivery, destination).unwrap();
        Some(CheckedEntry::Delivery(checked))
    }

    /// The same, before the destination has looked at it.
    pub(super) fn unchecked_delivery(
        &self,
        source: u16,
        destination: u16,
        next: u64,
    ) -> Option<Delivery> {
        let is_wanted = |receipt: &Receipt| {
            receipt.destination == ShardId(destination) && receipt.sequence >= next
        };
        let mut blocks = self.shards[&ShardId(source)].sent.iter();
        let (header, receipts) = blocks.find(|(_, sent)| sent.iter().any(is_wanted))?;
        let leaves: Vec<_> = receipts.iter().map(Receipt::digest).collect();
        let wanted = receipts.iter().enumerate().filter(|(_, it)| is_wanted(it));
        let proven = wanted.map(|(index, receipt)| {
            let path = List::Receipts.path(&leaves, index).unwrap();
            (receipt.clone(), path)
        });
        Some(Delivery {
            finalized: FinalizedHeader {
                header: header.clone(),
                link: Vec::new(),
                certificate: self.certify(header),
            },
            receipts: proven.collect(),
        })
    }

    /// Checks receipts for a shard as its next block would.
    pub(super) fn check_delivery(
        &self,
        delivery: Delivery,
        destination: u16,
    ) -> Result<CheckedDelivery, DeliveryError> {
        let state = self.state(destination);
        CheckedDelivery::check(delivery, &self.genesis, state, ShardId(destination))
    }

    /// The votes of its epoch's committee for a header.
    pub(super) fn certify(&self, header: &Header) -> Certificate {
        let committee = self.state(0).committee(&self.genesis, header.epoch);
        sample::certify_by(committee.unwrap(), header)
    }

    /// A header of a shard, with the votes for it.
    pub(super) fn finalized(&self, shard: u16, height: u64) -> FinalizedHeader {
        let blocks = &self.shards[&ShardId(shard)].blocks;
        let mut headers = blocks.iter().map(|(block, _)| &block.header);
        let header = headers.find(|header| header.height == height).unwrap();
        FinalizedHeader {
            header: header.clone(),
            link: Vec::new(),
            certificate: self.certify(header),
        }
    }

    /// Makes empty blocks until a shard has begun the epoch that it awaits, if it awaits any.
    pub(super) fn cross(&mut self, shard: u16) {
        while self.state(shard).epoch_state(&self.genesis).next.is_some() {
            self.block(shard, Vec::new()).unwrap();
        }
    }

    /// Brings every shard into the newest epoch, and lets shard 0 hear of it.
    pub(super) fn cross_all(&mut self) {
        self.cross(0);
        self.settle();
        for shard in 1..3 {
            self.cross(shard);
        }
        self.settle();
    }

    /// Delivers whatever waits from a source to a destination; returns whether there was any.
    pub(super) fn deliver(&mut self, source: u16, destination: u16) -> bool {
        let mut any = false;
        while let Some(entry) = self.delivery(source, destination) {
            self.block(destination, vec![entry]).unwrap();
            any = true;
        }
        any
    }

    /// Delivers what a destination is ready for; the rest waits.
    pub(super) fn try_deliver(&mut self, source: u16, destination: u16) {
        let next = self.state(destination).received(ShardId(source));
        let Some(delivery) = self.unchecked_delivery(source, destination, next) else {
            return;
        };
        if let Ok(checked) = self.check_delivery(delivery, destination) {
            let entries = vec![CheckedEntry::Delivery(checked)];
            self.block(destination, entries).unwrap();
        }
    }

    /// Delivers everything to everybody until nothing waits.
    pub(super) fn settle(&mut self) {
        let ids: Vec<_> = self.shards.keys().map(|id| id.0).collect();
        loop {
            let mut any = false;
            for source in &ids {
                for destination in ids.iter().filter(|it| *it != source) {
                    any |= self.deliver(*source, *destination);
                }
            }
            if !any {
                return;
            }
        }
    }

    /// The birth of vehicle `n`, whose tag the shard `keeper` keeps.
    pub(super) fn birth(&self, home: u16, keeper: u8, n: u8) -> Birth {
        Birth {
            vehicle: vehicle_id(home, n),
            vin: self.certificate(TagKind::Vehicle, tag(keeper, n), MAKER),
            model: label("model-1"),
            built: self.genesis.created,
            enrolment_key: account(CAR + n),
            attestation: Digest::from_bytes([0; 32]),
            owner: account(OWNER),
        }
    }

    pub(super) fn certificate(&self, kind: TagKind, tag: [u8; 32], claimant: u8) -> TagCertificate {
        TagCertificate::issue(
            self.genesis.chain(),
            kind,
            Digest::from_bytes(tag),
            account(claimant),
            &key(TAG_ISSUER),
        )
    }

    /// Vehicle `n`, born and counting, with the key `CAR + n`; it belongs to `OWNER`.
    pub(super) fn car(&mut self, home: u16, n: u8) -> VehicleId {
        let keeper = u8::try_from(home).unwrap();
        let birth = self.birth(home, keeper, n);
        self.apply(home, &[MAKER, OWNER, CAR + n], birth);
        vehicle_id(home, n)
    }

    /// Part `n`, made in a shard and held by `PART_MAKER`.
    pub(super) fn part(&mut self, shard: u16, n: u8) -> PartTag {
        let keeper = u8::try_from(shard).unwrap();
        let made = self.made_part(keeper, n);
        self.apply(shard, &[PART_MAKER], made);
        PartTag::from_bytes(tag(keeper, n))
    }

    pub(super) fn made_part(&self, keeper: u8, n: u8) -> crate::ledger::MakePart {
        crate::ledger::MakePart {
            certificate: self.certificate(TagKind::Part, tag(keeper, n), PART_MAKER),
            kind: label("brake_caliper"),
            lot: label("lot-7"),
            quality: Digest::from_bytes([7; 32]),
        }
    }

    /// Part `n`, in a vehicle since now.
    pub(super) fn installed_part(&mut self, vehicle: VehicleId, n: u8) -> PartTag {
        let shard = vehicle.home.0;
        let part = self.part(shard, n);
        let to = account(WORKSHOP);
        self.apply(
            shard,
            &[PART_MAKER, WORKSHOP],
            crate::ledger::ShipPart { part, to },
        );
        let fitted = self.time;
        let install = crate::ledger::InstallPart {
            part,
            vehicle,
            fitted,
        };
        self.apply(shard, &[WORKSHOP, OWNER], install);
        part
    }
}

/// A vehicle's id.
pub(super) fn vehicle_id(home: u16, n: u8) -> VehicleId {
    VehicleId {
        home: ShardId(home),
        commitment: [n; 32],
    }
}

/// A tag that the shard `keeper` keeps.
pub(super) fn tag(keeper: u8, n: u8) -> [u8; 32] {
    let mut tag = [n; 32];
    tag[0] = keeper;
    tag
}

pub(super) fn label(text: &str) -> Label {
    text.parse().unwrap()
}

pub(super) fn who(number: u8) -> AccountKey {
    account(number)
}

pub(super) fn entry(transaction: CheckedTransaction) -> CheckedEntry {
    CheckedEntry::Transaction(transaction)
}

/// The entry read again from its bytes, as another member gets it.
pub(super) fn entry_again(world: &mut World, shard: u16, entry: &CheckedEntry) -> CheckedEntry {
    let bytes = entry.to_entry().to_bytes();
    let entry: Entry = borsh::from_slice(&bytes).unwrap();
    let state = world.shards[&ShardId(shard)].state.clone();
    CheckedEntry::check(
        entry,
        &world.genesis,
        &state,
        ShardId(shard),
        &mut world.keys,
    )
    .unwrap()
}

pub(super) const DAY: Duration = Duration::from_secs(86_400);
