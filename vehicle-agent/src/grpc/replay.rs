use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use tokio::{select, sync::oneshot, time::interval};
use tonic::{Code, Request, Response, Status};
use wayside::{
    rpc::{
        self, FieldError, FieldProblem,
        replay::v1::{
            Clock, ClockState, GetClockRequest, GetClockResponse, GetDriveRequest,
            GetDriveResponse, PauseRequest, PauseResponse, PlayRequest, PlayResponse, SeekRequest,
            SeekResponse, StepRequest, StepResponse, Vehicle, WatchClockRequest,
            WatchClockResponse, replay_service_server::ReplayService,
        },
    },
    time::Timestamp,
};

use super::{
    bench::{Bench, SeekOrder},
    refusal::stopping,
    server::Inner,
};
use wayside::serve::{Admission, Inlet, Outlet, from_gate, outlet};

/// Moves the clock of a replayed drive.
#[derive(Clone, Debug)]
pub(super) struct ReplayDoor {
    pub(super) agent: Arc<Inner>,
    pub(super) bench: Arc<Bench>,
}

#[tonic::async_trait]
impl ReplayService for ReplayDoor {
    type WatchClockStream = Outlet<WatchClockResponse>;

    async fn play(&self, request: Request<PlayRequest>) -> Result<Response<PlayResponse>, Status> {
        if let Some(rate) = request.get_ref().rate {
            if !rate.is_finite() {
                return Err(FieldError::new("rate", FieldProblem::NotFinite).into());
            }
            if !(RATE_MIN..=RATE_MAX).contains(&rate) {
                let problem = FieldProblem::OutOfRange("0.01 to 1 000");
                return Err(FieldError::new("rate", problem).into());
            }
            *self
                .bench
                .rate
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = rate;
            self.bench.clock.set_rate(rate);
        }
        self.refuse_at_end()?;
        self.bench.clock.play();
        Ok(Response::new(PlayResponse {
            clock: Some(self.bench.read()),
        }))
    }

    async fn pause(&self, _: Request<PauseRequest>) -> Result<Response<PauseResponse>, Status> {
        self.bench.clock.pause();
        Ok(Response::new(PauseResponse {
            clock: Some(self.bench.read()),
        }))
    }

    async fn step(&self, request: Request<StepRequest>) -> Result<Response<StepResponse>, Status> {
        let field = "duration";
        let duration = rpc::from_wire_duration(request.get_ref().duration, field)?
            .ok_or_else(|| FieldError::new(field, FieldProblem::Missing))?;
        if duration.is_zero() || duration > STEP_MAX {
            let problem = FieldProblem::OutOfRange("above 0 and at most 1 h");
            return Err(FieldError::new(field, problem).into());
        }
        if self.bench.clock.is_playing() {
            return Err(rpc::refusal(
                Code::FailedPrecondition,
                "CLOCK_RUNNING",
                "pause the clock before stepping it",
            ));
        }
        self.refuse_at_end()?;
        self.bench.step(duration).await;
        Ok(Response::new(StepResponse {
            clock: Some(self.bench.read()),
        }))
    }

    async fn seek(&self, request: Request<SeekRequest>) -> Result<Response<SeekResponse>, Status> {
        let to = rpc::from_wire_time(request.get_ref().time, "time")?
            .ok_or_else(|| FieldError::new("time", FieldProblem::Missing))?;
        let drive = &self.bench.drive;
        if to < drive.start || to > drive.end {
            return Err(outside());
        }
        self.bench.clock.pause();
        let (done, told) = oneshot::channel();
        let order = SeekOrder { to, done };
        self.bench.seeks.send(order).await.map_err(|_| stopping())?;
        told.await.map_err(|_| stopping())?;
        Ok(Response::new(SeekResponse {
            clock: Some(self.bench.read()),
        }))
    }

    async fn get_clock(
        &self,
        _: Request<GetClockRequest>,
    ) -> Result<Response<GetClockResponse>, Status> {
        Ok(Response::new(GetClockResponse {
            clock: Some(self.bench.read()),
        }))
    }

    async fn watch_clock(
        &self,
        request: Request<WatchClockRequest>,
    ) -> Result<Response<Self::WatchClockStream>, Status> {
        let field = "interval";
        let every = rpc::from_wire_duration(request.get_ref().interval, field)?
            .unwrap_or(WATCH_INTERVAL_DEFAULT);
        if !(WATCH_INTERVAL_MIN..=WATCH_INTERVAL_MAX).contains(&every) {
            let problem = FieldProblem::OutOfRange("1 ms to 1 min");
            return Err(FieldError::new(field, problem).into());
        }
        let place = from_gate::<Admission, _>(&request)?.open_stream()?;
        let (inlet, outlet) = outlet(place);
        tokio::spawn(watch(self.clone(), inlet, every));
        Ok(Response::new(outlet))
    }

    async fn get_drive(
        &self,
        _: Request<GetDriveRequest>,
    ) -> Result<Response<GetDriveResponse>, Status> {
        let drive = &self.bench.drive;
        let vehicles = drive.vehicles.iter().map(|vehicle| Vehicle {
            name: vehicle.name.clone(),
            start: Some(rpc::to_wire_time(vehicle.start)),
            end: Some(rpc::to_wire_time(vehicle.end)),
        });
        Ok(Response::new(GetDriveResponse {
            name: drive.name.clone(),
            start: Some(rpc::to_wire_time(drive.start)),
            end: Some(rpc::to_wire_time(drive.end)),
            vehicles: vehicles.collect(),
            served_vehicle: drive.served.clone(),
        }))
    }
}

impl ReplayDoor {
    fn refuse_at_end(&self) -> Result<(), Status> {
        let ended = self.bench.state() == ClockState::Ended;
        if ended { Err(outside()) } else { Ok(()) }
    }
}

impl Bench {
    /// Lets a standing clock run for a while of the drive, at its rate. It stops there even if nobody
    /// waits for it any more.
    async fn step(&self, duration: Duration) {
        let start = self.clock.now();
        let rest = self.drive.end.since(start.timestamp);
        let deadline = start.instant + duration.min(rest);
        self.clock.play_until(deadline);
        self.clock.sleep_until(deadline).await;
    }

    fn read(&self) -> Clock {
        Clock {
            now: Some(rpc::to_wire_time(self.now())),
            state: self.state().into(),
            rate: *self.rate.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    fn now(&self) -> Timestamp {
        self.clock.now().timestamp
    }

    fn state(&self) -> ClockState {
        match (self.now() >= self.drive.end, self.clock.is_playing()) {
            (true, _) => ClockState::Ended,
            (false, true) => ClockState::Running,
            (false, false) => ClockState::Paused,
        }
    }
}

/// Sends the clock while it runs, and whenever its state changes.
async fn watch(door: ReplayDoor, inlet: Inlet<WatchClockResponse>, every: Duration) {
    let mut draining = door.agent.draining.subscribe();
    let mut ticks = interval(every);
    let mut told: Option<Clock> = None;
    loop {
        select! {
            _ = ticks.tick() => {}
            () = inlet.items.closed() => return,
            _ = draining.wait_for(|draining| *draining) => {
                inlet.fail(stopping());
                return;
            }
        }
        let clock = door.bench.read();
        if told.as_ref() == Some(&clock) {
            continue;
        }
        let response = WatchClockResponse { clock: Some(clock) };
        if inlet.items.send(response).await.is_err() {
            return;
        }
        told = Some(clock);
    }
}

fn outside() -> Status {
    rpc::refusal(
        Code::OutOfRange,
        "OUTSIDE_DRIVE",
        "the recording does not reach there",
    )
}

const RATE_MIN: f64 = 0.01;
const RATE_MAX: f64 = 1_000.0;
const STEP_MAX: Duration = Duration::from_secs(60 * 60);
const WATCH_INTERVAL_DEFAULT: Duration = Duration::from_millis(100);
const WATCH_INTERVAL_MIN: Duration = Duration::from_millis(1);
const WATCH_INTERVAL_MAX: Duration = Duration::from_secs(60);
