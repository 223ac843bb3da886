use crate::{
    id::ShardId,
    ledger::{
        AccountKey, Genesis, GenesisContent, GenesisError, GenesisTextError, List, Role,
        sample::{account, content, genesis},
    },
};

#[test]
fn a_genesis_reads_what_it_writes() {
    for operators in [1, 4, 7] {
        let genesis = genesis(operators);
        assert_eq!(Genesis::from_toml(&genesis.to_toml()).unwrap(), genesis);
        assert_eq!(Genesis::from_bytes(&genesis.to_bytes()), Ok(genesis));
    }
}

#[test]
fn a_text_that_was_changed_is_refused() {
    let text = genesis(4).to_toml();
    let changed = text.replace("weight = 3", "weight = 4");
    assert!(matches!(
        Genesis::from_toml(&changed),
        Err(GenesisTextError::OtherChain { .. })
    ));
}

#[test]
fn every_word_of_a_genesis_is_part_of_its_name() {
    let changes: [fn(&mut GenesisContent); 6] = [
        |content| content.name.push('!'),
        |content| content.development = true,
        |content| content.snapshot_interval += 1,
        |content| content.buckets[255] = ShardId(0),
        |content| content.limits.heartbeat_ms += 1,
        |content| {
            content.roles.pop();
        },
    ];
    for change in changes {
        let mut content = content(4);
        change(&mut content);
        assert_ne!(Genesis::new(content).unwrap().chain(), genesis(4).chain());
    }
}

#[test]
fn a_genesis_that_contradicts_itself_is_refused() {
    let weak = AccountKey::from_bytes(std::array::from_fn(|index| u8::from(index == 0)));
    let refused = |change: &dyn Fn(&mut GenesisContent)| {
        let mut content = content(4);
        change(&mut content);
        Genesis::new(content).unwrap_err()
    };
    assert_eq!(refused(&|it| it.version = 2), GenesisError::Version(2));
    assert_eq!(
        refused(&|it| it.name.clear()),
        GenesisError::Name(String::new())
    );
    assert_eq!(
        refused(&|it| it.operators.truncate(3)),
        GenesisError::TooFewOperators(3)
    );
    assert_eq!(
        refused(&|it| it.operators.reverse()),
        GenesisError::NotSorted("operators")
    );
    assert_eq!(
        refused(&|it| it.operators[0].cold_key = it.operators[1].vote_key),
        GenesisError::KeyTwice(content(4).operators[1].vote_key)
    );
    assert!(matches!(
        refused(&|it| it.operators[0].cold_key = weak),
        GenesisError::Key(key, _) if key == weak
    ));
    assert_eq!(
        refused(&|it| {
            it.operators[0].addresses.remove(&ShardId(1));
        }),
        GenesisError::NoAddress(content(4).operators[0].name.clone(), ShardId(1))
    );
    assert_eq!(
        refused(&|it| {
            it.shards.remove(0);
        }),
        GenesisError::NoGovernance
    );
    assert_eq!(
        refused(&|it| it.shards.iter_mut().for_each(|shard| shard.weight = 0)),
        GenesisError::NoWeight
    );
    assert_eq!(
        refused(&|it| it.buckets[7] = ShardId(9)),
        GenesisError::UnknownShard(ShardId(9))
    );
    assert_eq!(
        refused(&|it| it.roles.reverse()),
        GenesisError::NotSorted("roles")
    );
    assert_eq!(
        refused(&|it| it.limits.block_bytes_max = 1_024),
        GenesisError::Limit("block_bytes_max")
    );
}

#[test]
fn a_tag_is_registered_where_its_first_byte_says() {
    let mut tag = [9; 32];
    assert_eq!(genesis(4).bucket(&tag), ShardId(1));
    tag[0] = 10;
    assert_eq!(genesis(4).bucket(&tag), ShardId(0));
}

// Simplex needs 3f + 1 members to bear f that fail.
#[test]
fn a_quorum_is_all_but_those_that_may_fail() {
    for (members, quorum) in [
        (1, 1),
        (2, 2),
        (3, 3),
        (4, 3),
        (5, 4),
        (6, 5),
        (7, 5),
        (10, 7),
    ] {
        assert_eq!(genesis(members).committee().quorum(), quorum);
    }
}

#[test]
fn members_are_named_by_the_order_of_their_keys() {
    let genesis = genesis(4);
    for (index, operator) in genesis.operators.iter().enumerate() {
        let index = u16::try_from(index).unwrap();
        assert_eq!(genesis.committee().key(index), Some(operator.vote_key));
        assert_eq!(genesis.committee().index(&operator.vote_key), Some(index));
    }
    assert_eq!(genesis.committee().key(4), None);
    assert_eq!(genesis.committee().index(&account(1)), None);
}

#[test]
fn roles_read_the_names_that_they_write() {
    for role in Role::ALL {
        assert_eq!(role.to_string().parse(), Ok(role));
        assert_eq!(
            serde_json::to_value(role).unwrap(),
            serde_json::Value::from(role.name())
        );
    }
    assert!("owner of everything".parse::<Role>().is_err());
}

#[test]
fn lists_of_different_kinds_have_different_roots() {
    let roots = [List::Entries, List::Receipts, List::History, List::Snapshot];
    for (index, one) in roots.iter().enumerate() {
        for other in &roots[index + 1..] {
            assert_ne!(one.root([]), other.root([]));
        }
    }
}
