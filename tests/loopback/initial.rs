//! The first packet of a QUIC client, made by hand so that it can say what no client would.

use std::sync::Arc;

use rustls::{
    Side,
    crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256,
    quic::{ClientConnection, Keys, Version},
};
use wayside::transport::ALPN;

use super::stranger::{Identity, tls, unknown_seed};

/// Transport parameters (RFC 9000 §18) that a server must refuse.
pub(crate) const INVALID_PARAMETERS: &[&[u8]] = &[
    // None at all: the connection id that must be there is missing (§7.3).
    &[],
    // A connection id that the packet does not have.
    &[0x0f, 0x01, 0xff],
    // Cut within a parameter's length, and within its value.
    &[0x0f],
    &[0x0f, 0x04, 0x01],
    // max_udp_payload_size below 1200.
    &[0x0f, 0x00, 0x03, 0x02, 0x40, 0x64],
    // ack_delay_exponent above 20.
    &[0x0f, 0x00, 0x0a, 0x01, 0x15],
    // max_ack_delay of 2^14 and more.
    &[0x0f, 0x00, 0x0b, 0x04, 0x80, 0x00, 0x40, 0x00],
    // active_connection_id_limit below 2.
    &[0x0f, 0x00, 0x0e, 0x01, 0x01],
    // initial_max_streams_uni above 2^60.
    &[
        0x0f, 0x00, 0x09, 0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    ],
    // One parameter twice.
    &[0x0f, 0x00, 0x0e, 0x01, 0x02, 0x0e, 0x01, 0x02],
    // What only a server may say: a stateless reset token.
    &[
        0x0f, 0x00, 0x02, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ],
    // Lengths beyond the end.
    &[
        0x0f, 0x00, 0x20, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    ],
];

/// Parameters that say no more than they must: the empty connection id that the packet has.
pub(crate) const HONEST_PARAMETERS: &[u8] = &[0x0f, 0x00];

/// The first packet of connection `number`, which offers these.
pub(crate) fn with_parameters(parameters: &[u8], number: u64) -> Vec<u8> {
    packet(&number.to_be_bytes(), &[], parameters)
}

/// A first packet (RFC 9000 §17.2.2, protected as RFC 9001 §5 says) to this connection id, with a
/// token or an empty one, which offers these parameters.
pub(crate) fn packet(destination: &[u8], token: &[u8], parameters: &[u8]) -> Vec<u8> {
    let config = tls(&Identity::RawKey(unknown_seed()), &[ALPN]);
    let name = "stranger.invalid".try_into().unwrap();
    let mut client =
        ClientConnection::new(Arc::new(config), Version::V1, name, parameters.to_vec()).unwrap();
    let mut hello = Vec::new();
    assert!(client.write_hs(&mut hello).is_none());

    let mut header = vec![0xc0 | (PACKET_NUMBER_LEN - 1)];
    header.extend(1_u32.to_be_bytes());
    header.push(u8::try_from(destination.len()).unwrap());
    header.extend(destination);
    // An empty source connection id.
    header.push(0);
    header.extend(two_bytes(token.len()));
    header.extend(token);
    let body_len = PACKET_LEN - header.len() - 2;
    header.extend(two_bytes(body_len));
    let number_at = header.len();
    header.extend([0; PACKET_NUMBER_LEN as usize]);

    // One CRYPTO frame from offset 0, then padding.
    let mut payload = vec![0x06, 0x00];
    payload.extend(two_bytes(hello.len()));
    payload.extend(&hello);
    payload.resize(body_len - usize::from(PACKET_NUMBER_LEN) - TAG_LEN, 0);

    let suite = TLS13_AES_128_GCM_SHA256.tls13().unwrap();
    let keys = Keys::initial(
        Version::V1,
        suite,
        suite.quic.unwrap(),
        destination,
        Side::Client,
    );
    let tag = keys
        .local
        .packet
        .encrypt_in_place(0, &header, &mut payload)
        .unwrap();
    payload.extend(tag.as_ref());

    // RFC 9001 §5.4.2: the sample is taken as if the packet number had 4 bytes, as it has here.
    let (sample, _) = payload.split_at(keys.local.header.sample_len());
    let (front, packet_number) = header.split_at_mut(number_at);
    let first = front.first_mut().unwrap();
    keys.local
        .header
        .encrypt_in_place(sample, first, packet_number)
        .unwrap();
    [header, payload].concat()
}

/// A variable-length integer (RFC 9000 §16) in two bytes.
fn two_bytes(number: usize) -> [u8; 2] {
    (0x4000 | u16::try_from(number).unwrap()).to_be_bytes()
}

const PACKET_LEN: usize = 1_200;
const PACKET_NUMBER_LEN: u8 = 4;
const TAG_LEN: usize = 16;
