//! Clients that break HTTP/2 itself: raw frames on the agent's own socket.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
};
use vehicle_agent::Role;
use wayside::rpc::telemetry::v1::{
    PublishStateRequest, telemetry_service_client::TelemetryServiceClient,
};

use super::served::{Served, caller, state, within};

#[tokio::test]
async fn g4_rapid_resets_end_their_connection_and_no_other() {
    let served = Served::start().await;
    let mut attacker = Attacker::connect(&served).await;
    for stream in 0..20_000 {
        let stream = 2 * stream + 1;
        attacker.frame(HEADERS, END_HEADERS, stream, &request());
        attacker.frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes());
    }
    let answers = within(attacker.send_and_read_to_the_end()).await;
    assert!(is_cut_off(&answers), "{answers:?}");
    an_honest_client_goes_on(&served).await;
}

#[tokio::test]
async fn g4_a_header_without_an_end_is_cut_off() {
    let served = Served::start().await;
    let mut attacker = Attacker::connect(&served).await;
    attacker.frame(HEADERS, 0, 1, &request());
    // 16 MB of one header.
    let more = vec![0; 16_000];
    for _ in 0..1_000 {
        attacker.frame(CONTINUATION, 0, 1, &more);
    }
    let answers = within(attacker.send_and_read_to_the_end()).await;
    assert!(is_cut_off(&answers), "{answers:?}");
    an_honest_client_goes_on(&served).await;
}

#[tokio::test]
async fn g4_streams_beyond_the_hundredth_are_refused() {
    let served = Served::start().await;
    let mut attacker = Attacker::connect(&served).await;
    // They are never ended, so that none of them is over.
    for stream in 0..300 {
        attacker.frame(HEADERS, END_HEADERS, 2 * stream + 1, &request());
    }
    let answers = within(attacker.send_and_read_resets(200)).await;
    let refused = |answer: &&Answer| answer.kind == RST_STREAM && answer.code == REFUSED_STREAM;
    let refused = answers.iter().filter(refused).count();
    assert!(
        refused == 200 || is_cut_off(&answers),
        "{refused} were refused"
    );
    an_honest_client_goes_on(&served).await;
}

#[tokio::test]
async fn g4_empty_data_does_not_starve_others() {
    let served = Served::start().await;
    let mut attacker = Attacker::connect(&served).await;
    attacker.frame(HEADERS, END_HEADERS, 1, &request());
    for _ in 0..100_000 {
        attacker.frame(DATA, 0, 1, &[]);
    }
    let flood = tokio::spawn(attacker.send_and_read_resets(1));
    an_honest_client_goes_on(&served).await;
    flood.abort();
}

#[tokio::test]
async fn g5_what_is_not_http_is_cut_off() {
    let served = Served::start().await;
    let path = served.open_door(caller(1_000, Some(Role::DrivingStack)), false);
    let mut stream = UnixStream::connect(path).await.unwrap();
    stream.write_all(&[0xff; 4_096]).await.unwrap();
    let mut rest = Vec::new();
    // Whether it is closed or reset, it ends.
    let _ended: std::io::Result<usize> = within(stream.read_to_end(&mut rest)).await;
    an_honest_client_goes_on(&served).await;
}

async fn an_honest_client_goes_on(served: &Served) {
    let channel = served.connect(Some(Role::DrivingStack)).await;
    let request = PublishStateRequest {
        measured_at: None,
        state: Some(state(10.0)),
        ..PublishStateRequest::default()
    };
    within(TelemetryServiceClient::new(channel).publish_state(request))
        .await
        .unwrap();
}

/// A connection on which anything may be said.
struct Attacker {
    stream: UnixStream,
    frames: Vec<u8>,
}

/// A frame from the agent: its type, and its error code if it has one.
#[derive(Debug)]
struct Answer {
    kind: u8,
    code: u32,
}

impl Attacker {
    async fn connect(served: &Served) -> Self {
        let path = served.open_door(caller(1_000, Some(Role::DrivingStack)), false);
        let mut attacker = Self {
            stream: UnixStream::connect(path).await.unwrap(),
            frames: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        };
        attacker.frame(SETTINGS, 0, 0, &[]);
        attacker
    }

    /// RFC 9113 §4.1: length, type, flags, stream.
    fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let len = u32::try_from(payload.len()).unwrap().to_be_bytes();
        self.frames.extend_from_slice(&len[1..]);
        self.frames.extend_from_slice(&[kind, flags]);
        self.frames.extend_from_slice(&stream.to_be_bytes());
        self.frames.extend_from_slice(payload);
    }

    /// Sends everything and reads until the agent closes.
    async fn send_and_read_to_the_end(self) -> Vec<Answer> {
        self.exchange(|_| false).await
    }

    /// Sends everything and reads until so many streams were reset, or the agent closes.
    async fn send_and_read_resets(self, count: usize) -> Vec<Answer> {
        self.exchange(|answers| {
            let resets = answers.iter().filter(|answer| answer.kind == RST_STREAM);
            resets.count() >= count
        })
        .await
    }

    async fn exchange(self, is_enough: impl Fn(&[Answer]) -> bool) -> Vec<Answer> {
        let (mut reader, mut writer) = self.stream.into_split();
        let frames = self.frames;
        // An agent that closes in the midst of it makes this fail.
        let sending = tokio::spawn(async move {
            let sent = writer.write_all(&frames).await;
            (writer, sent)
        });
        let mut answers = Vec::new();
        while !is_enough(&answers) {
            let mut head = [0; 9];
            if reader.read_exact(&mut head).await.is_err() {
                break;
            }
            let len = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; usize::try_from(len).unwrap()];
            if reader.read_exact(&mut payload).await.is_err() {
                break;
            }
            let kind = head[3];
            let code_at = if kind == GOAWAY { 4 } else { 0 };
            let code = payload.get(code_at..code_at + 4);
            answers.push(Answer {
                kind,
                code: code.map_or(0, |code| u32::from_be_bytes(code.try_into().unwrap())),
            });
        }
        sending.abort();
        answers
    }
}

/// Whether the agent named an error of the whole connection.
fn is_cut_off(answers: &[Answer]) -> bool {
    answers
        .iter()
        .any(|answer| answer.kind == GOAWAY && answer.code != 0)
}

/// The head of a call, by HPACK without compression (RFC 7541 §6).
fn request() -> Vec<u8> {
    let path = b"/wayside.telemetry.v1.TelemetryService/Publish";
    let mut head = vec![0x83, 0x86];
    for (name, value) in [
        (&[0x04][..], &path[..]),
        (&[0x01], b"localhost"),
        (&[0x0f, 0x10], b"application/grpc"),
    ] {
        head.extend_from_slice(name);
        head.push(u8::try_from(value.len()).unwrap());
        head.extend_from_slice(value);
    }
    head.extend_from_slice(b"\x00\x02te\x08trailers");
    head
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;
const REFUSED_STREAM: u32 = 7;
const CANCEL: u32 = 8;
