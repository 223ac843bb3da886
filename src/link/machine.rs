use std::{collections::VecDeque, time::Duration};

use bytes::{BufMut as _, Bytes, BytesMut};
use thiserror::Error;

use super::{
    Config, ControlFrame, DropReason, HelloFrame, LIST_UPDATE_LEN_MAX, LinkCounters, ListNews,
    PROTOCOL_VERSION, ROADSIDE_LEN_MAX, TicketBytes,
    budget::Budget,
    control::FRAME_LEN_MAX,
    outbound::{TelemetryQueue, split_message},
};
use crate::{
    id::StationId,
    time::{Instant, Now},
};

/// What a peer and we say to each other, by how it must be carried.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Class {
    /// Datagrams: the latest counts, loss is of no matter.
    Telemetry,
    /// One reliable stream each, before everything else.
    Hazard,
    /// Frames about the connection itself.
    Control,
}

/// What the driver must put on the wire.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Transmit {
    /// One datagram of at most [`Config::datagram_len_max`](field@Config::datagram_len_max).
    Datagram(Bytes),
    /// The whole of one unidirectional stream of the highest priority.
    HazardStream(Bytes),
    /// The whole of one bidirectional stream, whose other direction stays empty.
    Control(Bytes),
}

/// What a peer brought.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum LinkEvent {
    /// The peer's hello, before anything else of it.
    Hello(HelloFrame),
    /// One envelope, not yet looked at.
    Message {
        /// The envelope.
        bytes: Bytes,
        /// How many stations passed it on, as the peer says; 0 if its signer sent it to us.
        hops: u8,
    },
    /// A ticket, not yet looked at.
    Ticket(TicketBytes),
    /// The peer does not know this station's ticket.
    TicketRequest(StationId),
    /// The peer knows this much of the revocation list.
    ListNews(ListNews),
    /// The peer wants what follows these many entries of the revocation list: answer it by
    /// [`Link::queue_list_update`].
    ListRequested {
        /// How many of them it knows.
        have: u64,
    },
    /// What we asked for by [`Link::request_list`], not yet looked at.
    ListUpdate(Bytes),
    /// What a car and a roadside unit tell each other, not yet looked at.
    Roadside(Bytes),
    /// We may ask now for what [`Link::request_list`] had to put off.
    ListDue,
    /// The peer wants a new connection, since its ticket changed.
    Rotate,
    /// The peer did not say hello within [`Config::hello_timeout`]: disconnect it.
    HelloMissing,
}

/// Why something from a peer was not taken.
///
/// Each is counted. [`Self::is_violation`] tells those that no honest peer of this version sends.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum LinkError {
    /// The peer sends more than it may; shed before decoding.
    #[error("rate limit exceeded")]
    RateLimited,
    /// More bytes than its way allows.
    #[error("{0} bytes are too many")]
    Oversize(usize),
    /// A length or a field is wrong.
    #[error("malformed frame")]
    Malformed,
    /// A newer peer may send it; we go on without.
    #[error("unknown control frame {0}")]
    UnknownFrame(u8),
    /// A connection has one hello.
    #[error("second hello on one connection")]
    SecondHello,
    /// Both sides agreed on another protocol in the handshake.
    #[error("protocol version {0} is not spoken here")]
    Version(u16),
}

impl Class {
    /// All classes.
    pub const ALL: [Self; 3] = [Self::Telemetry, Self::Hazard, Self::Control];

    /// Its name in metrics and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Telemetry => "telemetry",
            Self::Hazard => "hazard",
            Self::Control => "control",
        }
    }
}

impl Transmit {
    /// The stream that carries a hazard which `hops` stations passed on.
    pub fn hazard_stream(envelope: &[u8], hops: u8) -> Self {
        let mut stream = BytesMut::with_capacity(1 + envelope.len());
        stream.put_u8(hops.min(HOPS_MAX));
        stream.put_slice(envelope);
        Self::HazardStream(stream.freeze())
    }

    /// Whether it is about something else than the connection and who is at its ends: the revocation
    /// list, or the road.
    pub fn is_about_others(&self) -> bool {
        match self {
            Self::Control(frame) => {
                ControlFrame::is_about_list(frame) || ControlFrame::is_roadside(frame)
            }
            Self::Datagram(_) | Self::HazardStream(_) => false,
        }
    }
}

impl LinkError {
    /// Whether to disconnect the peer.
    pub fn is_violation(self) -> bool {
        match self {
            Self::RateLimited | Self::UnknownFrame(_) => false,
            Self::Oversize(_) | Self::Malformed | Self::SecondHello | Self::Version(_) => true,
        }
    }

    fn drop_reason(self) -> DropReason {
        match self {
            Self::RateLimited => DropReason::RateLimited,
            Self::Oversize(_) => DropReason::Oversize,
            Self::Malformed | Self::UnknownFrame(_) | Self::SecondHello | Self::Version(_) => {
                DropReason::Malformed
            }
        }
    }
}

/// One peer, from the handshake to the close.
///
/// Queue a hello first. After each `queue_*` and `handle_*`, drain `poll_transmit` and `poll_event`
/// until they return `None`, then call `handle_timeout` once `poll_timeout` has passed.
#[derive(Debug)]
pub struct Link {
    config: Config,
    counters: LinkCounters,
    telemetry: TelemetryQueue,
    hazards: VecDeque<Hazard>,
    controls: VecDeque<Bytes>,
    inbound: Inbound,
    list: ListExchange,
}

/// What was asked and answered of the revocation list.
#[derive(Debug)]
struct ListExchange {
    asks: Budget,
    answers: Budget,
    is_awaited: bool,
    /// When to ask again for what could not be asked for at once.
    due: Option<Instant>,
}

/// A hazard on its way out.
#[derive(Debug)]
struct Hazard {
    envelope: Bytes,
    hops: u8,
    expires: Instant,
}

#[derive(Debug)]
struct Inbound {
    telemetry_budget: Budget,
    hazard_budget: Budget,
    control_budget: Budget,
    roadside_budget: Budget,
    hello: HelloState,
    early: VecDeque<(Class, LinkEvent)>,
    events: VecDeque<LinkEvent>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum HelloState {
    Awaited { until: Instant },
    Received,
    Missed,
}

impl Inbound {
    /// Makes room: hazards are said once, and newer telemetry comes soon.
    fn drop_early(&mut self) -> Option<Class> {
        let telemetry = |(class, _): &(Class, LinkEvent)| *class == Class::Telemetry;
        let oldest = self.early.iter().position(telemetry).unwrap_or(0);
        self.early.remove(oldest).map(|(class, _)| class)
    }
}

impl Link {
    /// A peer whose handshake has just ended.
    pub fn new(config: Config, now: Now) -> Self {
        let now = now.instant;
        Self {
            inbound: Inbound {
                telemetry_budget: Budget::new(config.telemetry_rate, now),
                hazard_budget: Budget::new(config.hazard_rate, now),
                control_budget: Budget::new(config.control_rate, now),
                roadside_budget: Budget::new(config.roadside_rate, now),
                hello: HelloState::Awaited {
                    until: now + config.hello_timeout,
                },
                early: VecDeque::new(),
                events: VecDeque::new(),
            },
            config,
            counters: LinkCounters::default(),
            telemetry: TelemetryQueue::default(),
            hazards: VecDeque::new(),
            controls: VecDeque::new(),
            list: ListExchange {
                asks: Budget::slow(LIST_INTERVAL, LIST_BURST, now),
                answers: Budget::slow(LIST_INTERVAL, LIST_BURST, now),
                is_awaited: false,
                due: None,
            },
        }
    }

    /// Queues an envelope that `station` signed and so many stations passed on, this one among them,
    /// in place of an older one of the same signer.
    pub fn queue_telemetry(
        &mut self,
        station: StationId,
        envelope: (Bytes, u8),
        expires: Instant,
        now: Now,
    ) {
        self.telemetry.push(
            (station, envelope, expires),
            &self.config,
            &mut self.counters,
            now.instant,
        );
    }

    /// Queues an envelope with a hazard that so many stations passed on, this one among them.
    pub fn queue_hazard(&mut self, envelope: Bytes, hops: u8, expires: Instant) {
        self.hazards.push_back(Hazard {
            envelope,
            hops,
            expires,
        });
        if self.hazards.len() > self.config.hazard_queue_max.max(1) {
            self.hazards.pop_front();
            self.counters
                .count_dropped(Class::Hazard, DropReason::QueueFull);
        }
    }

    /// Queues a frame.
    pub fn queue_control(&mut self, frame: &ControlFrame) {
        if self.controls.len() >= self.config.control_queue_max.max(1) {
            self.counters
                .count_dropped(Class::Control, DropReason::QueueFull);
        } else {
            self.controls.push_back(frame.encode());
        }
    }

    /// Asks for what follows the first `have` entries of the revocation list, or, if that was asked
    /// too often of late, says [`LinkEvent::ListDue`] when it may be.
    pub fn request_list(&mut self, have: u64, now: Now) {
        let now = now.instant;
        if self.list.asks.take(now) {
            self.list.is_awaited = true;
            self.list.due = None;
            self.queue_control(&ControlFrame::ListRequest { have });
        } else {
            let due = self.list.asks.next(now);
            self.list.due.get_or_insert(due);
        }
    }

    /// Answers a [`LinkEvent::ListRequested`]; too long an update is not sent.
    pub fn queue_list_update(&mut self, update: Bytes) {
        if update.len() > LIST_UPDATE_LEN_MAX {
            self.counters
                .count_dropped(Class::Control, DropReason::Oversize);
        } else {
            self.queue_control(&ControlFrame::ListUpdate(update));
        }
    }

    /// Most bytes that a control stream of the peer may bring now.
    pub fn control_len_max(&self) -> usize {
        if self.list.is_awaited {
            1 + LIST_UPDATE_LEN_MAX
        } else {
            1 + ROADSIDE_LEN_MAX
        }
    }

    /// Takes a datagram.
    pub fn handle_datagram(&mut self, mut datagram: Bytes, now: Now) -> Result<(), LinkError> {
        let result = self.split_datagram(&mut datagram, now.instant);
        self.count_error(Class::Telemetry, result)
    }

    /// Takes the whole of a unidirectional stream.
    pub fn handle_hazard_stream(&mut self, stream: Bytes, now: Now) -> Result<(), LinkError> {
        let result = self.take_hazard(stream, now.instant);
        self.count_error(Class::Hazard, result)
    }

    /// Takes the whole of a bidirectional stream.
    pub fn handle_control(&mut self, frame: &[u8], now: Now) -> Result<(), LinkError> {
        let result = self.take_control(frame, now.instant);
        self.count_error(Class::Control, result)
    }

    /// Takes in that both ends are roadside units: the peer may send what it passes on of many.
    pub fn handle_units(&mut self, now: Now) {
        let rates = self.config.between_units;
        self.inbound.telemetry_budget = Budget::new(rates.telemetry, now.instant);
        self.inbound.hazard_budget = Budget::new(rates.hazard, now.instant);
        self.inbound.control_budget = Budget::new(rates.control, now.instant);
    }

    /// To be called once [`Self::poll_timeout`] has passed.
    pub fn handle_timeout(&mut self, now: Now) {
        if let HelloState::Awaited { until } = self.inbound.hello
            && until <= now.instant
        {
            self.inbound.hello = HelloState::Missed;
            self.inbound.early.clear();
            self.inbound.events.push_back(LinkEvent::HelloMissing);
        }
        if self.list.due.is_some_and(|due| due <= now.instant) {
            self.list.due = None;
            self.inbound.events.push_back(LinkEvent::ListDue);
        }
    }

    /// What to send next: control frames, then hazards, then telemetry whose tick has come.
    pub fn poll_transmit(&mut self, now: Now) -> Option<Transmit> {
        if let Some(frame) = self.controls.pop_front() {
            self.counters.count_sent(Class::Control);
            return Some(Transmit::Control(frame));
        }
        while let Some(hazard) = self.hazards.pop_front() {
            if now.instant < hazard.expires {
                self.counters.count_sent(Class::Hazard);
                return Some(Transmit::hazard_stream(&hazard.envelope, hazard.hops));
            }
            self.counters
                .count_dropped(Class::Hazard, DropReason::Expired);
        }
        self.telemetry
            .pop(&self.config, &mut self.counters, now.instant)
            .map(Transmit::Datagram)
    }

    /// What the peer brought.
    pub fn poll_event(&mut self) -> Option<LinkEvent> {
        self.inbound.events.pop_front()
    }

    /// When to call [`Self::handle_timeout`] and drain again.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let hello = match self.inbound.hello {
            HelloState::Awaited { until } => Some(until),
            HelloState::Received | HelloState::Missed => None,
        };
        [hello, self.telemetry.due(), self.list.due]
            .into_iter()
            .flatten()
            .min()
    }

    /// What passed so far.
    pub fn counters(&self) -> &LinkCounters {
        &self.counters
    }

    fn split_datagram(&mut self, datagram: &mut Bytes, now: Instant) -> Result<(), LinkError> {
        if !self.inbound.telemetry_budget.take(now) {
            return Err(LinkError::RateLimited);
        }
        if datagram.len() > DATAGRAM_RECEIVED_LEN_MAX {
            return Err(LinkError::Oversize(datagram.len()));
        }
        loop {
            let (bytes, hops) = split_message(datagram).ok_or(LinkError::Malformed)?;
            self.take(Class::Telemetry, LinkEvent::Message { bytes, hops });
            if datagram.is_empty() {
                return Ok(());
            }
            if !self.inbound.telemetry_budget.take(now) {
                return Err(LinkError::RateLimited);
            }
        }
    }

    fn take_hazard(&mut self, mut stream: Bytes, now: Instant) -> Result<(), LinkError> {
        if !self.inbound.hazard_budget.take(now) {
            return Err(LinkError::RateLimited);
        }
        if stream.len() > HAZARD_STREAM_LEN_MAX {
            return Err(LinkError::Oversize(stream.len()));
        }
        let hops = stream.first().copied().filter(|hops| *hops <= HOPS_MAX);
        let (Some(hops), true) = (hops, stream.len() > 1) else {
            return Err(LinkError::Malformed);
        };
        let bytes = stream.split_off(1);
        self.take(Class::Hazard, LinkEvent::Message { bytes, hops });
        Ok(())
    }

    /// Hands an event on, or keeps it while the peer's hello may still be on its way: streams and
    /// datagrams of one packet can arrive in either order.
    fn take(&mut self, class: Class, event: LinkEvent) {
        match self.inbound.hello {
            HelloState::Received => {
                self.counters.count_received(class);
                self.inbound.events.push_back(event);
            }
            HelloState::Awaited { .. } => {
                self.inbound.early.push_back((class, event));
                if self.inbound.early.len() > self.config.early_queue_max.max(1)
                    && let Some(class) = self.inbound.drop_early()
                {
                    self.counters.count_dropped(class, DropReason::QueueFull);
                }
            }
            HelloState::Missed => self.counters.count_dropped(class, DropReason::QueueFull),
        }
    }

    fn take_control(&mut self, frame: &[u8], now: Instant) -> Result<(), LinkError> {
        let is_roadside = ControlFrame::is_roadside(frame);
        let budget = if is_roadside {
            &mut self.inbound.roadside_budget
        } else {
            &mut self.inbound.control_budget
        };
        if !budget.take(now) {
            return Err(LinkError::RateLimited);
        }
        // One that comes late, after we gave up on it, is no offence, but not taken either.
        let is_update = ControlFrame::is_list_update(frame);
        if is_update && !self.list.is_awaited {
            return Err(LinkError::RateLimited);
        }
        let len_max = if is_update {
            1 + LIST_UPDATE_LEN_MAX
        } else if is_roadside {
            1 + ROADSIDE_LEN_MAX
        } else {
            FRAME_LEN_MAX
        };
        if frame.len() > len_max {
            return Err(LinkError::Oversize(frame.len()));
        }
        let event = match ControlFrame::decode(frame)? {
            ControlFrame::Hello(hello) => return self.take_hello(hello),
            ControlFrame::TicketRequest(station) => LinkEvent::TicketRequest(station),
            ControlFrame::Ticket(ticket) => LinkEvent::Ticket(ticket),
            ControlFrame::Rotate => LinkEvent::Rotate,
            ControlFrame::ListNews(news) => LinkEvent::ListNews(news),
            ControlFrame::ListRequest { .. } if !self.list.answers.take(now) => {
                return Err(LinkError::RateLimited);
            }
            ControlFrame::ListRequest { have } => LinkEvent::ListRequested { have },
            ControlFrame::ListUpdate(update) => {
                self.list.is_awaited = false;
                LinkEvent::ListUpdate(update)
            }
            ControlFrame::Roadside(notice) => LinkEvent::Roadside(notice),
        };
        self.take(Class::Control, event);
        Ok(())
    }

    fn take_hello(&mut self, hello: HelloFrame) -> Result<(), LinkError> {
        if hello.version != PROTOCOL_VERSION {
            return Err(LinkError::Version(hello.version));
        }
        if !matches!(self.inbound.hello, HelloState::Awaited { .. }) {
            return Err(LinkError::SecondHello);
        }
        self.inbound.hello = HelloState::Received;
        self.counters.count_received(Class::Control);
        self.inbound.events.push_back(LinkEvent::Hello(hello));
        while let Some((class, event)) = self.inbound.early.pop_front() {
            self.take(class, event);
        }
        Ok(())
    }

    fn count_error(
        &mut self,
        class: Class,
        result: Result<(), LinkError>,
    ) -> Result<(), LinkError> {
        if let Err(error) = result {
            self.counters.count_dropped(class, error.drop_reason());
        }
        result
    }
}

/// Most stations that a message can say passed it on.
pub const HOPS_MAX: u8 = 15;

/// More than any envelope of a hazard: 8 KiB of payload, and 197 bytes and the hops around it.
const HAZARD_STREAM_LEN_MAX: usize = 8 * 1024 + 256;

/// How often the list may be asked for, of one peer, for ever, and at once after a rest.
const LIST_INTERVAL: Duration = Duration::from_secs(10);
const LIST_BURST: u32 = 5;

/// What fits one packet of a path whose limit is Ethernet's.
const DATAGRAM_RECEIVED_LEN_MAX: usize = 1_472;
