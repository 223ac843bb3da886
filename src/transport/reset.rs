use std::{sync::Arc, time::Duration};

use quinn::{
    ConnectionId, ConnectionIdGenerator, EndpointConfig,
    crypto::{CryptoError, HmacKey},
};

use crate::crypto::{Digest, Purpose, SigningKey, random_bytes};

/// What lets a station that was restarted end the connections that it knows nothing of any more, so that
/// its peers come back at once and not after the idle timeout (RFC 9000 §10.3).
///
/// The token that ends a connection follows from the key and the connection's id, and peers were told it
/// while they were connected. Only for who keeps its port and its key over a restart, and may be told by
/// both: everybody could tie a vehicle's tickets together by them. Never on two sockets at the same time,
/// since one would tell a stranger the tokens of the other's connections (RFC 9000 §21.11).
pub struct ResetKey(SigningKey);

impl ResetKey {
    /// That of whoever holds this key.
    pub fn of(key: &SigningKey) -> Self {
        Self(key.derive(Purpose::ConnectionReset, &[]))
    }

    /// Has an endpoint use it.
    pub(super) fn enter(self, config: &mut EndpointConfig) {
        config
            .reset_key(Arc::new(self))
            .min_reset_interval(RESET_INTERVAL_MIN)
            .cid_generator(|| Box::new(RandomIds));
    }

    fn token(&self, id: &[u8]) -> Digest {
        self.0.digest(Purpose::ConnectionReset, &[id])
    }
}

impl HmacKey for ResetKey {
    fn sign(&self, id: &[u8], token: &mut [u8]) {
        token.copy_from_slice(self.token(id).as_bytes());
    }

    fn signature_len(&self) -> usize {
        TOKEN_LEN
    }

    fn verify(&self, id: &[u8], token: &[u8]) -> Result<(), CryptoError> {
        // In the same time wherever they differ.
        let right = self.token(id);
        let differ = right.as_bytes().iter().zip(token);
        let differ = differ.fold(token.len() ^ TOKEN_LEN, |all, (one, other)| {
            all | usize::from(one ^ other)
        });
        (differ == 0).then_some(()).ok_or(CryptoError)
    }
}

/// Ids of which none comes twice, also after restarts: an earlier peer knows the token of the one that it
/// had. Those of quinn by default would, and those of an earlier run would be strangers to it.
struct RandomIds;

impl ConnectionIdGenerator for RandomIds {
    fn generate_cid(&mut self) -> ConnectionId {
        ConnectionId::new(&random_bytes::<CONNECTION_ID_LEN>())
    }

    fn cid_len(&self) -> usize {
        CONNECTION_ID_LEN
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

/// Of which QUIC takes the first half.
const TOKEN_LEN: usize = 32;
const CONNECTION_ID_LEN: usize = 8;
/// A thousand vehicles learn within two seconds that their unit was restarted. Each answer is smaller than
/// the packet that it answers.
const RESET_INTERVAL_MIN: Duration = Duration::from_millis(2);
