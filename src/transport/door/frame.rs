use std::time::Duration;

use bytes::Bytes;
use thiserror::Error;

/// What a car asks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DoorRequest {
    /// The method's name, as `Submit`: 1 to 64 letters.
    pub method: String,
    /// The request message.
    pub body: Bytes,
}

/// Why a request has no answer, as a gRPC service would say it.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("{reason}: {message}")]
pub struct DoorRefusal {
    /// The `google.rpc.Code`, 1 to 16.
    pub code: u8,
    /// Why, in `UPPER_SNAKE`, at most 64 bytes.
    pub reason: String,
    /// Why, in words, at most 512 bytes.
    pub message: String,
    /// When to try again; `None` where that is of no use.
    pub retry_after: Option<Duration>,
}

/// Why bytes are not a request or an answer.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("malformed frame")]
pub struct FrameError;

impl DoorRequest {
    /// Its bytes on a stream; `None` if the name is too long or has other than letters.
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        let name = self.method.as_bytes();
        let len = u8::try_from(name.len()).ok()?;
        if !is_method(name) {
            return None;
        }
        let mut bytes = Vec::with_capacity(1 + name.len() + self.body.len());
        bytes.push(len);
        bytes.extend_from_slice(name);
        bytes.extend_from_slice(&self.body);
        Some(bytes)
    }

    /// Reads a whole stream.
    pub fn from_bytes(bytes: &Bytes) -> Result<Self, FrameError> {
        let (len, rest) = bytes.split_first().ok_or(FrameError)?;
        let (name, body) = rest.split_at_checked((*len).into()).ok_or(FrameError)?;
        if !is_method(name) {
            return Err(FrameError);
        }
        Ok(Self {
            method: str::from_utf8(name).map_err(|_| FrameError)?.to_owned(),
            body: bytes.slice_ref(body),
        })
    }
}

impl DoorRefusal {
    /// A refusal; what is longer than its bound is cut.
    pub fn new(code: u8, reason: &str, message: &str) -> Self {
        Self {
            code: code.clamp(1, CODE_MAX),
            reason: cut(reason, REASON_LEN_MAX).to_owned(),
            message: cut(message, MESSAGE_LEN_MAX).to_owned(),
            retry_after: None,
        }
    }

    /// The same, with the time after which to try again.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }
}

/// The bytes of an answer or a refusal on a stream.
pub(super) fn answer_to_bytes(answer: &Result<Bytes, DoorRefusal>) -> Vec<u8> {
    match answer {
        Ok(body) => [&[ANSWERED], body.as_ref()].concat(),
        Err(refusal) => {
            let reason = cut(&refusal.reason, REASON_LEN_MAX);
            let retry_ms = refusal.retry_after.map_or(0, |delay| delay.as_millis());
            let retry_ms = u32::try_from(retry_ms).unwrap_or(u32::MAX);
            let mut bytes = vec![refusal.code.clamp(1, CODE_MAX)];
            bytes.extend_from_slice(&retry_ms.to_be_bytes());
            bytes.push(u8::try_from(reason.len()).unwrap_or(0));
            bytes.extend_from_slice(reason.as_bytes());
            bytes.extend_from_slice(cut(&refusal.message, MESSAGE_LEN_MAX).as_bytes());
            bytes
        }
    }
}

/// Reads a whole answer.
pub(super) fn answer_from_bytes(bytes: &Bytes) -> Result<Result<Bytes, DoorRefusal>, FrameError> {
    let (code, rest) = bytes.split_first().ok_or(FrameError)?;
    if *code == ANSWERED {
        return Ok(Ok(bytes.slice_ref(rest)));
    }
    let (retry_ms, rest) = rest.split_first_chunk().ok_or(FrameError)?;
    let (len, rest) = rest.split_first().ok_or(FrameError)?;
    let (reason, message) = rest.split_at_checked((*len).into()).ok_or(FrameError)?;
    let is_plain = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
    if *code > CODE_MAX || message.len() > MESSAGE_LEN_MAX || !reason.iter().all(is_plain) {
        return Err(FrameError);
    }
    let text = |bytes| str::from_utf8(bytes).map_err(|_| FrameError);
    let refusal = DoorRefusal::new(*code, text(reason)?, text(message)?);
    Ok(Err(match u32::from_be_bytes(*retry_ms) {
        0 => refusal,
        ms => refusal.retry_after(Duration::from_millis(ms.into())),
    }))
}

fn is_method(name: &[u8]) -> bool {
    (1..=METHOD_LEN_MAX).contains(&name.len()) && name.iter().all(u8::is_ascii_alphabetic)
}

/// The longest beginning that fits and is text.
fn cut(text: &str, len_max: usize) -> &str {
    let end = (0..=len_max.min(text.len())).rev();
    let end = end.into_iter().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}

const ANSWERED: u8 = 0;
/// `UNAUTHENTICATED`, the last of `google.rpc.Code`.
const CODE_MAX: u8 = 16;
const METHOD_LEN_MAX: usize = 64;
const REASON_LEN_MAX: usize = 64;
const MESSAGE_LEN_MAX: usize = 512;
/// Bytes of the longest refusal.
pub(super) const REFUSAL_LEN_MAX: usize = 6 + REASON_LEN_MAX + MESSAGE_LEN_MAX;
