use super::unit::{Unit, json};

#[test]
fn a_sale_waits_for_the_buyers_signature_and_counts_once() {
    let unit = Unit::start();
    let vehicle = unit.enrol(4);
    let [owner, buyer] = ["owner", "buyer"].map(|name| unit.key(name));
    let buyer_account = unit.ledger_ok(&["key", "show", &buyer]).trim().to_owned();
    let sale = format!(
        "{{\"action\":\"transfer\",\"vehicle\":\"{vehicle}\",\"owner_epoch\":0,\
         \"buyer\":\"{buyer_account}\"}}"
    );
    let offer = [
        "submit",
        &sale,
        "--key",
        &owner,
        "--approver",
        &buyer_account,
    ];
    for draft in ["first.draft", "second.draft"] {
        unit.ledger_ok(&[&offer[..], &["--save-draft", draft]].concat());
    }

    let early = unit.ledger(&["submit", "--draft", "first.draft"]);
    let errors = String::from_utf8_lossy(&early.stderr);
    assert!(errors.contains("not yet signed by"), "{errors}");

    unit.ledger_ok(&["approve", "first.draft", "--key", &buyer]);
    let sold = json(&unit.ledger_ok(&["submit", "--draft", "first.draft"]));
    assert_eq!(sold["outcome"], "applied", "{sold}");
    assert_eq!(unit.vehicle(&vehicle)["owner"], buyer_account.as_str());

    // Signed with the same nonce, it is the same transaction.
    unit.ledger_ok(&["approve", "second.draft", "--key", &buyer]);
    let again = json(&unit.ledger_ok(&["submit", "--draft", "second.draft"]));
    assert_eq!(again["id"], sold["id"]);
    assert_eq!(again["repeated"], true);
    assert_eq!(unit.vehicle(&vehicle)["owner_epoch"], 1);

    let resold = unit.ledger(&["submit", &sale, "--key", &owner, "--with", &buyer]);
    assert_eq!(resold.status.code(), Some(1), "{resold:?}");
    let refused = json(std::str::from_utf8(&resold.stdout).unwrap());
    assert_eq!(refused["rule"], "owner_epoch_differs", "{refused}");
}

#[test]
fn a_role_needs_the_operators_and_lets_its_key_record() {
    let unit = Unit::start();
    let vehicle = unit.enrol(5);
    let account = unit
        .ledger_ok(&["key", "new", "garage.key"])
        .trim()
        .to_owned();
    let record = super::unit::reading(&vehicle, 77);
    let submit = ["submit", &record, "--key", "garage.key", "--wait", "2s"];
    let stranger = unit.ledger(&submit);
    assert_eq!(stranger.status.code(), Some(1), "{stranger:?}");

    let grant = ["grant", &account, "workshop", "--name", "garage"];
    let by_maker = unit.ledger(&[&grant[..], &["--key", &unit.key("maker")]].concat());
    assert_eq!(by_maker.status.code(), Some(1), "{by_maker:?}");
    let cold = unit.path("storage/development/unit-1/cold.key");
    unit.ledger_ok(&[&grant[..], &["--key", cold.to_str().unwrap()]].concat());

    let roles = unit.ledger_ok(&["roles", "workshop"]);
    assert!(roles.contains(&account), "{roles}");
    // Shard 0 tells the others in a block of its own.
    let applied = (0..50).any(|_| unit.ledger(&submit).status.success());
    assert!(applied, "{:?}", unit.ledger(&submit));
}
