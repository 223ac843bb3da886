use std::{collections::BTreeMap, time::Duration};

use super::{
    Attack, Falsity,
    noise::{drive_roughly, measure, silences},
    stage::{Stage, State, states, uniform},
    telling::{Teller, Told},
};
use crate::{message::Telemetry, replay::Drive, sim::Seed, time::Timestamp};

/// Everything that a receiver hears of a drive, in the order in which it comes.
#[derive(Clone, Debug)]
pub struct Traffic {
    /// The messages.
    pub messages: Vec<Said>,
    /// Who sends them; messages name senders by their index.
    pub senders: Vec<Sender>,
}

/// One message, and how far it is true.
#[derive(Clone, Debug)]
pub struct Said {
    /// An index into [`Traffic::senders`].
    pub sender: usize,
    /// What it says.
    pub telemetry: Telemetry,
    /// When it says that it was generated.
    pub generated: Timestamp,
    /// When it comes.
    pub received: Timestamp,
    /// How wrong it is.
    pub falsity: Falsity,
}

/// Somebody with a ticket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sender {
    /// The vehicle behind it, as an index into the drive's vehicles.
    pub vehicle: usize,
    /// Whether that vehicle lies at some time.
    pub is_liar: bool,
}

/// What is made of a drive.
#[derive(Clone, Copy, Debug)]
pub struct TrafficOptions {
    /// What every choice follows from.
    pub seed: Seed,
    /// What liars tell; nobody lies without it.
    pub attack: Option<Attack>,
    /// Which share of the vehicles lies.
    pub liars: f64,
    /// Which share of the messages is lost.
    pub loss: f64,
    /// Whether sensors are as sensors are, a fifth of the drivers rough, and receivers silent at
    /// times. Without it, the drive's own word is taken as it is.
    pub noise: bool,
}

impl Traffic {
    /// What becomes of a drive.
    pub fn of(drive: &Drive, options: &TrafficOptions) -> Self {
        let seed = options.seed;
        let mut vehicles = states(drive);
        if options.noise {
            for (vehicle, states) in vehicles.iter_mut().enumerate() {
                spoil(states, seed, vehicle);
            }
        }
        let stage = Stage::new(vehicles);
        let mut traffic = Self {
            messages: Vec::new(),
            senders: Vec::new(),
        };
        for vehicle in 0..stage.vehicles.len() {
            traffic.tell(&stage, vehicle, options);
        }
        traffic
            .messages
            .sort_by_key(|said| (said.received, said.generated, said.sender));
        traffic
    }

    fn tell(&mut self, stage: &Stage, vehicle: usize, options: &TrafficOptions) {
        let Some(states) = stage.vehicles.get(vehicle) else {
            return;
        };
        let seed = options.seed;
        let liar = options.attack.filter(|_| {
            let mut choices = seed.choices(&format!("liar {vehicle}"));
            choices.happens(options.liars)
        });
        let choices = || seed.choices(&format!("lies {vehicle}"));
        let mut teller = liar.map(|attack| Teller::new(attack, vehicle, states.len(), choices()));
        let mut network = seed.choices(&format!("network {vehicle}"));
        let is_silent = if options.noise {
            silences(states, &mut seed.choices(&format!("silences {vehicle}")))
        } else {
            Vec::new()
        };
        let mut names = BTreeMap::new();
        for (index, state) in states.iter().enumerate() {
            let told = match &mut teller {
                Some(teller) => teller.tell(stage, index),
                None => vec![honest(state)],
            };
            for told in told {
                if is_silent.get(index) == Some(&true) || network.happens(options.loss) {
                    continue;
                }
                let sender = *names.entry(told.name).or_insert_with(|| {
                    self.senders.push(Sender {
                        vehicle,
                        is_liar: liar.is_some(),
                    });
                    self.senders.len() - 1
                });
                let delay_s = uniform(&mut network, 0.01, 0.06);
                let under_way = told.kept + Duration::from_secs_f64(delay_s);
                self.messages.push(Said {
                    sender,
                    telemetry: told.telemetry,
                    generated: told.generated,
                    received: told.generated.saturating_add(under_way),
                    falsity: told.falsity,
                });
            }
        }
    }
}

fn honest(state: &State) -> Told {
    Told {
        name: 0,
        telemetry: state.telemetry.clone(),
        generated: state.at,
        kept: Duration::ZERO,
        falsity: Falsity::None,
    }
}

fn spoil(states: &mut [State], seed: Seed, vehicle: usize) {
    let mut choices = seed.choices(&format!("driver {vehicle}"));
    if choices.happens(ROUGH) {
        drive_roughly(states, &mut choices);
    }
    measure(states, seed, vehicle);
}

/// The share of rough drivers.
const ROUGH: f64 = 0.2;
