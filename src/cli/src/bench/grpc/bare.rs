//! tonic alone: whoever subscribes is sent what is published.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf as _, BufMut as _, Bytes};
use http::uri::PathAndQuery;
use tokio::{
    net::UnixListener,
    sync::{broadcast, mpsc},
};
use tokio_stream::{
    Stream, StreamExt as _,
    wrappers::{BroadcastStream, UnboundedReceiverStream, UnixListenerStream},
};
use tonic::{
    Request, Response, Status, Streaming,
    body::Body,
    client,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    server::{self, ClientStreamingService, NamedService, ServerStreamingService},
    transport::{Channel, Server},
};
use tower::Service;

use super::{part::Part, stacks::connect};
use crate::bench::{
    payload,
    stage::{Log, Stage},
};

/// Passes on what it gets.
pub(super) fn relay(part: &Part) -> anyhow::Result<Stage> {
    let incoming = UnixListenerStream::new(UnixListener::bind(&part.socket)?);
    let relay = Relay(broadcast::Sender::new(WAITING_MAX));
    let router = Server::builder().add_service(relay);
    tokio::spawn(router.serve_with_incoming(incoming));
    Ok(Stage::of(Log::default()))
}

/// Sends payloads that name themselves.
pub(super) async fn publish(part: &Part) -> anyhow::Result<Stage> {
    let mut client = client::Grpc::new(connect(&part.socket).await?);
    client.ready().await?;
    let (payloads, published) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let request = Request::new(UnboundedReceiverStream::new(published));
        let path = PathAndQuery::from_static(PUBLISH);
        // A relay that is gone shows as messages that never arrive.
        let _: Result<Response<Bytes>, _> = client.client_streaming(request, path, Plain).await;
    });
    let log = Log::default();
    let sent = log.clone();
    let mut sequence = 0;
    let publish = move |car: usize| {
        sequence += 1;
        let who = car as u64;
        sent.note(who, sequence);
        let _ = payloads.send(payload::named(who, sequence));
    };
    Ok(Stage {
        publish: Some(Box::new(publish)),
        ..Stage::of(log)
    })
}

/// Counts what comes.
pub(super) async fn subscribe(part: &Part) -> anyhow::Result<Stage> {
    let mut client: client::Grpc<Channel> = client::Grpc::new(connect(&part.socket).await?);
    client.ready().await?;
    let path = PathAndQuery::from_static(SUBSCRIBE);
    let answer = client.server_streaming(Request::new(Bytes::new()), path, Plain);
    let mut payloads: Streaming<Bytes> = answer.await?.into_inner();
    let log = Log::default();
    let heard = log.clone();
    tokio::spawn(async move {
        while let Ok(Some(payload)) = payloads.message().await {
            if let Some((who, which)) = payload::names(&payload) {
                heard.note(who, which);
            }
        }
    });
    Ok(Stage::of(log))
}

/// The relay; clones are the same one.
#[derive(Clone)]
struct Relay(broadcast::Sender<Bytes>);

type Answering<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Payloads = Pin<Box<dyn Stream<Item = Result<Bytes, Status>> + Send>>;

impl NamedService for Relay {
    const NAME: &'static str = "bench.Relay";
}

impl Service<http::Request<Body>> for Relay {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Answering<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let relay = self.clone();
        Box::pin(async move {
            let mut door = server::Grpc::new(Plain);
            Ok(if request.uri().path() == PUBLISH {
                door.client_streaming(relay, request).await
            } else {
                door.server_streaming(relay, request).await
            })
        })
    }
}

impl ClientStreamingService<Bytes> for Relay {
    type Response = Bytes;
    type Future = Answering<Result<Response<Bytes>, Status>>;

    fn call(&mut self, request: Request<Streaming<Bytes>>) -> Self::Future {
        let relay = self.0.clone();
        Box::pin(async move {
            let mut payloads = request.into_inner();
            while let Some(payload) = payloads.message().await? {
                // Without a subscriber there is nobody to tell.
                let _ = relay.send(payload);
            }
            Ok(Response::new(Bytes::new()))
        })
    }
}

impl ServerStreamingService<Bytes> for Relay {
    type Response = Bytes;
    type ResponseStream = Payloads;
    type Future = Answering<Result<Response<Payloads>, Status>>;

    fn call(&mut self, _: Request<Bytes>) -> Self::Future {
        let payloads = BroadcastStream::new(self.0.subscribe());
        let payloads = payloads.map(|payload| payload.map_err(|_| Status::data_loss("too slow")));
        Box::pin(async move { Ok(Response::new(Box::pin(payloads) as Payloads)) })
    }
}

/// Messages that are just bytes.
#[derive(Clone, Copy)]
struct Plain;

impl Codec for Plain {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put(item);
        Ok(())
    }
}

impl Decoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

const PUBLISH: &str = "/bench.Relay/Publish";
const SUBSCRIBE: &str = "/bench.Relay/Subscribe";
/// Payloads kept for the subscriber; at the bound it is cut off.
const WAITING_MAX: usize = 4_096;
