use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    time::Duration,
};

use tempfile::TempDir;
use wayside::{
    crypto::SigningKey,
    id::DomainId,
    security::{
        Class, Credential, Issuer, IssuerKey, Permissions as May, Slot, SlotClock, TicketOrder,
        TrustDomain,
    },
    time::Timestamp,
};

use super::{
    IdentityError, read_credential, read_fetched, read_trust_domain, read_wallet,
    remove_credential, replace_credential, write_credential,
};

#[test]
fn what_is_written_is_read() {
    let (folder, domain, path) = issued();

    let read = read_credential(&path).unwrap();
    let wallet = read_wallet(folder.path(), &domain).unwrap();

    assert_eq!(read.ticket().slot(), Slot::from_number(7));
    assert!(wallet.for_slot(Slot::from_number(7)).is_some());
}

#[test]
fn a_ticket_is_never_overwritten() {
    let (folder, _, path) = issued();

    let again = write_credential(folder.path(), &read_credential(&path).unwrap());

    assert!(matches!(again, Err(IdentityError::Unusable { .. })));
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let (_folder, _, path) = issued();
    fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();

    assert!(matches!(
        read_credential(&path),
        Err(IdentityError::Exposed(_))
    ));
}

#[test]
fn bad_files_are_named_and_their_keys_are_not_shown() {
    let (folder, domain, path) = issued();
    let text = fs::read_to_string(&path).unwrap();
    let key = text.lines().find(|line| line.starts_with("key")).unwrap();
    let key = key.split('"').nth(1).unwrap();
    for bad in [
        String::new(),
        text.replace("version = 1", "version = 2"),
        text.replace("ticket = \"01", "ticket = \"0"),
        text.replace("ticket = \"01", "ticket = \"09"),
        text.replace(key, &"00".repeat(32)),
        text.replace(&format!("\"{key}\""), key),
        format!("{text}more = 1\n"),
    ] {
        assert_ne!(bad, text);
        fs::write(&path, &bad).unwrap();

        let message = read_wallet(folder.path(), &domain)
            .err()
            .unwrap()
            .to_string();

        assert!(message.contains("slot-00000007.ticket"), "{message}");
        assert!(!message.contains(key), "{message}");
    }
}

#[test]
fn a_ticket_of_a_foreign_domain_is_refused() {
    let (folder, _, path) = issued();
    let (_, stranger, _) = issued();

    let error = read_wallet(folder.path(), &stranger).err().unwrap();

    let IdentityError::Refused { path: named, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(named, path);
}

#[test]
fn a_crash_while_a_ticket_is_written_leaves_none() {
    let (folder, domain, path) = issued();
    let credential = read_credential(&path).unwrap();
    fs::remove_file(&path).unwrap();
    fs::write(path.with_extension("next"), "half").unwrap();
    assert!(
        read_fetched(folder.path(), &domain)
            .unwrap()
            .credentials
            .is_empty()
    );

    let written = write_credential(folder.path(), &credential).unwrap();
    assert_eq!(written, path);
    assert_eq!(
        read_fetched(folder.path(), &domain)
            .unwrap()
            .credentials
            .len(),
        1
    );
    remove_credential(folder.path(), Slot::from_number(7)).unwrap();
    remove_credential(folder.path(), Slot::from_number(7)).unwrap();
    assert!(!path.exists());
}

#[test]
fn fetched_tickets_may_be_none_or_not_count_any_more() {
    let (folder, domain, _) = issued();
    let (_, stranger, _) = issued();
    let read = read_fetched(folder.path(), &stranger).unwrap();
    assert_eq!((read.credentials.len(), read.refused.len()), (0, 1));
    let empty = folder.path().join("new/tickets");
    assert!(
        read_fetched(&empty, &domain)
            .unwrap()
            .credentials
            .is_empty()
    );
    assert!(empty.is_dir());
}

#[test]
fn a_folder_without_tickets_is_refused() {
    let (_folder, domain, _) = issued();
    let empty = TempDir::new().unwrap();

    assert!(matches!(
        read_wallet(empty.path(), &domain),
        Err(IdentityError::NoTickets(_))
    ));
}

#[test]
fn a_ticket_takes_the_place_of_one_that_does_not_count() {
    let (folder, domain, path) = issued();
    let (elsewhere, stranger, other) = issued();
    assert_eq!(elsewhere.path().join(path.file_name().unwrap()), other);
    let other = read_credential(&other).unwrap();
    assert_eq!(replace_credential(folder.path(), &other).unwrap(), path);
    let read = read_fetched(folder.path(), &stranger).unwrap();
    assert_eq!(read.credentials.len(), 1);
    assert!(read_wallet(folder.path(), &domain).is_err());
}

#[test]
fn trust_domain_is_read_or_its_file_named() {
    let (folder, domain, _) = issued();
    let path = folder.path().join("trust-domain.toml");
    fs::write(&path, domain.to_toml()).unwrap();
    assert_eq!(read_trust_domain(&path).unwrap(), domain);

    fs::write(&path, "version = 1").unwrap();
    let message = read_trust_domain(&path).unwrap_err().to_string();
    assert!(message.contains("trust-domain.toml"), "{message}");
}

#[test]
fn hexadecimal_digits_are_read_in_pairs() {
    assert_eq!(
        wayside::serve::from_hex(&wayside::serve::to_hex(&[0, 255]))
            .unwrap()
            .as_slice(),
        [0, 255]
    );
    for bad in ["0", "0g", "é"] {
        assert!(wayside::serve::from_hex(bad).is_none(), "{bad}");
    }
}

fn issued() -> (TempDir, TrustDomain, PathBuf) {
    let folder = TempDir::new().unwrap();
    let issuer = SigningKey::generate();
    let domain = TrustDomain::new(
        DomainId(1),
        SlotClock::default(),
        vec![IssuerKey {
            id: 1,
            key: issuer.verifying_key(),
            from: Timestamp::from_unix_ms(0).unwrap(),
            until: Timestamp::from_unix_ms(0)
                .unwrap()
                .saturating_add(Duration::from_secs(1 << 30)),
        }],
        true,
    )
    .unwrap();
    let key = SigningKey::generate();
    let ticket = Issuer::new(issuer, 1, &domain).issue(&TicketOrder {
        class: Class::Car,
        permissions: May::TELEMETRY,
        slot: Slot::from_number(7),
        linkage: [0; 12],
        key: key.verifying_key(),
    });
    let path = write_credential(folder.path(), &Credential::new(ticket, key).unwrap()).unwrap();
    (folder, domain, path)
}
