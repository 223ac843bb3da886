use std::{fmt, io};

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Serialize, Serializer};

/// Declares the rules with their frozen codes and names.
macro_rules! rules {
    ($($code:literal $rule:ident $name:literal $text:literal)*) => {
        /// Why the ledger refused a transaction.
        ///
        /// Codes and names are frozen: a rule that is dropped leaves its code unused.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub enum Rule {
            $(
                #[doc = concat!("`", $name, "`: ", $text, ".")]
                $rule,
            )*
        }

        impl Rule {
            /// All rules, by their codes.
            pub const ALL: &[Self] = &[$(Self::$rule),*];

            /// The code that stands in blocks; never 0.
            pub fn code(self) -> u16 {
                match self {
                    $(Self::$rule => $code,)*
                }
            }

            /// The rule with this code.
            pub fn from_code(code: u16) -> Option<Self> {
                match code {
                    $($code => Some(Self::$rule),)*
                    _ => None,
                }
            }

            /// The name that programs tell users.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$rule => $name,)*
                }
            }

            /// What it says, in words.
            pub fn text(self) -> &'static str {
                match self {
                    $(Self::$rule => $text,)*
                }
            }
        }
    };
}

rules! {
    1 RoleMissing "role_missing"
        "none of those who signed holds the role that this takes"
    2 OwnerSignatureMissing "owner_signature_missing"
        "the vehicle's owner did not sign"
    3 HolderSignatureMissing "holder_signature_missing"
        "whoever has the vehicle in custody did not sign"
    4 VehicleSignatureMissing "vehicle_signature_missing"
        "the vehicle's own key did not sign"
    5 BuyerSignatureMissing "buyer_signature_missing"
        "the buyer did not sign"
    6 ConsentMissing "consent_missing"
        "neither the vehicle's owner nor its custodian signed"
    7 SecondRoleMissing "second_role_missing"
        "no second key with another of the roles that this takes signed"
    8 ReceiverSignatureMissing "receiver_signature_missing"
        "whoever gets the part did not sign"
    9 NewKeySignatureMissing "new_key_signature_missing"
        "the new key did not sign"
    10 QuorumMissing "quorum_missing"
        "fewer operators than a quorum signed with their cold keys"
    11 NotPartHolder "not_part_holder"
        "whoever holds the part did not sign"
    12 NotPolicyProvider "not_policy_provider"
        "whoever gave the policy did not sign"
    13 NotClaimant "not_claimant"
        "neither whoever made the claim nor the vehicle's owner signed"
    14 NotLienHolder "not_lien_holder"
        "the lender who placed the lien did not sign"
    15 TagClaimantDiffers "tag_claimant_differs"
        "the tag's certificate is for somebody else"
    16 TagIssuerUnknown "tag_issuer_unknown"
        "whoever issued the tag's certificate does not hold the role"
    17 VehicleUnknown "vehicle_unknown"
        "no such vehicle"
    18 VehicleElsewhere "vehicle_elsewhere"
        "the vehicle is at home in another shard"
    19 PartUnknown "part_unknown"
        "no such part in this shard"
    20 PolicyUnknown "policy_unknown"
        "no such policy"
    21 ClaimUnknown "claim_unknown"
        "no such claim"
    22 NotGovernanceShard "not_governance_shard"
        "shard 0 alone decides this"
    23 OwnerEpochDiffers "owner_epoch_differs"
        "the vehicle has changed hands since the seller signed, or never that often"
    24 PolicyOfOtherVehicle "policy_of_other_vehicle"
        "the policy or claim is for another vehicle"
    25 VehicleExists "vehicle_exists"
        "the vehicle's name is taken"
    26 ColdKeySignatureMissing "cold_key_signature_missing"
        "an operator that gets a seat or changes its own did not sign with its cold key"
    27 IssuingSignatureMissing "issuing_signature_missing"
        "the operator that this takes did not sign with an issuing key that counts now"
    28 AccusedSignatureMissing "accused_signature_missing"
        "the accused ticket's own key did not sign"
    29 OperatorsMissing "operators_missing"
        "fewer operators than a quorum signed with cold or issuing keys"
    30 RulesTooOld "rules_too_old"
        "the shard follows a version of the rules that does not know this yet"
    31 EnrolmentVoiceMissing "enrolment_voice_missing"
        "none of those who signed may say so of the enrolment, as it stands"
    101 VinTagTaken "vin_tag_taken"
        "another vehicle has the tag of this identification number"
    102 ShardClosed "shard_closed"
        "the shard takes no new vehicles"
    103 EnrolmentKeyUsed "enrolment_key_used"
        "the key belongs to another vehicle"
    104 VehiclePending "vehicle_pending"
        "the vehicle's tag is not yet known to be free"
    105 VehicleRefused "vehicle_refused"
        "another vehicle has this one's tag"
    106 VehicleRetired "vehicle_retired"
        "the vehicle is off the road for ever"
    107 TagKindDiffers "tag_kind_differs"
        "the tag's certificate is for something of another kind"
    108 TimeInFuture "time_in_future"
        "something is said to have happened after the block's time"
    121 VehicleStolen "vehicle_stolen"
        "the vehicle was reported stolen"
    122 VehicleUnderLien "vehicle_under_lien"
        "the vehicle is security for a loan"
    123 VehicleInDispute "vehicle_in_dispute"
        "the vehicle's ownership is disputed"
    124 CustodyActive "custody_active"
        "somebody has the vehicle in custody"
    125 BuyerIsOwner "buyer_is_owner"
        "the vehicle belongs to the buyer already"
    126 BlockInPlace "block_in_place"
        "the vehicle is blocked for that reason already"
    127 BlockNotInPlace "block_not_in_place"
        "the vehicle is not blocked for that reason"
    140 CustodyOverlaps "custody_overlaps"
        "the custody begins before the last one ended"
    141 CustodySpanInvalid "custody_span_invalid"
        "the custody ends before it begins, or lasts more than two years"
    142 CustodyByOwner "custody_by_owner"
        "the vehicle belongs to whoever would have it in custody"
    143 NotInCustody "not_in_custody"
        "nobody has the vehicle in custody"
    144 CustodyEndOutside "custody_end_outside"
        "the custody cannot have ended then"
    160 OdometerDecreased "odometer_decreased"
        "the odometer showed more before, or less later"
    161 OdometerTooFast "odometer_too_fast"
        "nobody drives that far in that time"
    162 ReadingTooOld "reading_too_old"
        "a later reading was taken already"
    163 OdometerOutOfRange "odometer_out_of_range"
        "no odometer shows that much"
    164 OdometerSourceInvalid "odometer_source_invalid"
        "a reading on its own comes from the vehicle, a workshop, an inspection or the maker"
    180 CorrectionIsNoChange "correction_is_no_change"
        "the correction says what stands there already"
    181 RecordUnknown "record_unknown"
        "the vehicle's history has no such record"
    182 WearUnknown "wear_unknown"
        "nothing was measured there yet"
    200 ThicknessOutOfRange "thickness_out_of_range"
        "no brake pad or tyre is that thick"
    201 ThicknessIncreased "thickness_increased"
        "it was thinner before, and was not replaced"
    202 WearTooFast "wear_too_fast"
        "nothing wears off that much on that way"
    203 WearSerialDiffers "wear_serial_differs"
        "another serial tag is fitted there"
    204 WearSerialNotNew "wear_serial_not_new"
        "the same serial tag was fitted there before"
    205 WheelOutOfRange "wheel_out_of_range"
        "no vehicle has that many wheels"
    206 MeasurementTooOld "measurement_too_old"
        "a later measurement was taken already"
    207 TemperatureOutOfRange "temperature_out_of_range"
        "nothing on a vehicle is that hot or cold"
    220 HealthOutOfRange "health_out_of_range"
        "a state of health is at most 1,000 per mille"
    221 CapacityAboveRated "capacity_above_rated"
        "a battery holds no more than it is rated for"
    222 BatteryCounterDecreased "battery_counter_decreased"
        "a counter of the battery was higher before"
    223 BatteryStatusBackward "battery_status_backward"
        "a battery's status only goes forward"
    224 BatteryDiffers "battery_differs"
        "another battery is fitted, or one rated differently"
    240 PartTagTaken "part_tag_taken"
        "the tag was claimed before: a counterfeit alarm names both claims"
    241 PartClaimPending "part_claim_pending"
        "this shard waits for an answer about the same tag"
    242 PartScrapped "part_scrapped"
        "the part is no more"
    243 PartInstalled "part_installed"
        "the part is in a vehicle"
    244 PartNotInVehicle "part_not_in_vehicle"
        "the part is not in this vehicle, or was not then"
    245 PartInTransit "part_in_transit"
        "the part is on its way to another shard"
    246 PartMovesNowhere "part_moves_nowhere"
        "the part is where it should go"
    260 PolicyExists "policy_exists"
        "the policy's name is taken"
    261 PolicyTermsInvalid "policy_terms_invalid"
        "a policy lasts 1 day to 100 years and decides within a year"
    262 ClaimIdUsed "claim_id_used"
        "the claim's name was used before"
    264 ClaimBeforePolicy "claim_before_policy"
        "the fault is older than the policy"
    265 ClaimAfterExpiry "claim_after_expiry"
        "the policy had ended when the part failed"
    266 ClaimBeyondKm "claim_beyond_km"
        "the vehicle had gone further than the policy covers"
    267 PartNotCovered "part_not_covered"
        "the policy does not cover parts of this kind"
    268 ClaimAlreadyOpen "claim_already_open"
        "a claim for this part and fault is open"
    269 ServiceMissed "service_missed"
        "the vehicle went without service for longer than the policy allows"
    270 ClaimNotOpen "claim_not_open"
        "the claim was decided or withdrawn before"
    271 DecisionTooLate "decision_too_late"
        "the time for rejecting the claim has passed"
    272 ClaimNotAccepted "claim_not_accepted"
        "the claim was not accepted, or is paid already"
    273 ClaimTooLate "claim_too_late"
        "the fault is too old to be claimed now"
    280 RecallExists "recall_exists"
        "the maker used this name for a recall before"
    281 RecallUnknown "recall_unknown"
        "no such recall"
    282 RecallNotForVehicle "recall_not_for_vehicle"
        "the recall is not for this vehicle"
    283 RecallRemedied "recall_remedied"
        "the recall was remedied on this vehicle before"
    284 RecallPartMissing "recall_part_missing"
        "the remedy fits a part, which is not the one in the vehicle"
    285 RecallCriteriaInvalid "recall_criteria_invalid"
        "no vehicle can be built in that span"
    300 TripTimesDisordered "trip_times_disordered"
        "a trip ends after it starts"
    301 TripOverlaps "trip_overlaps"
        "the vehicle was on another trip then"
    302 TripTooOld "trip_too_old"
        "more recent trips than are remembered were recorded already"
    303 TripDistanceDiffers "trip_distance_differs"
        "the trip's distance is not what the odometer shows"
    304 StopsDisordered "stops_disordered"
        "stops lie within the trip, one after the other"
    305 StopTooShort "stop_too_short"
        "a stop lasts 120 s with the ignition off, or 300 s"
    320 GrantSpanInvalid "grant_span_invalid"
        "a grant ends after it begins, within a year, and not before now"
    321 GrantToOwner "grant_to_owner"
        "owners need no grant"
    322 GrantUnknown "grant_unknown"
        "no such grant"
    323 GrantNotValid "grant_not_valid"
        "the grant is not valid now"
    324 RecordErased "record_erased"
        "the record was erased"
    325 ErasureUnknown "erasure_unknown"
        "nobody asked for the record to be erased"
    326 ErasureConfirmed "erasure_confirmed"
        "the custodian confirmed that before, or more did than there are"
    340 RoleHeld "role_held"
        "the account holds the role already"
    341 RoleNotHeld "role_not_held"
        "the account does not hold the role"
    342 OperatorUnknown "operator_unknown"
        "no such operator"
    343 ShardUnknown "shard_unknown"
        "no such shard"
    344 NothingChanges "nothing_changes"
        "it is so already"
    345 RulesBackward "rules_backward"
        "a shard never goes back to an earlier version of the rules"
    346 MisconductKnown "misconduct_known"
        "this was proven before"
    347 NoOpenShard "no_open_shard"
        "some shard must take new vehicles"
    348 TooFewOperators "too_few_operators"
        "some operator must remain"
    349 CommitteeChanging "committee_changing"
        "the committee of an earlier change is not at work in every shard yet"
    350 OperatorKeyUsed "operator_key_used"
        "the key is or was an operator's"
    351 OperatorWithoutSeat "operator_without_seat"
        "the operator has no seat in the committee"
    352 CommitteeTooSmall "committee_too_small"
        "a committee has four members or more, and one or more in a ledger for development"
    353 CommitteeTooLarge "committee_too_large"
        "a committee has at most 64 members"
    354 MisconductUnproven "misconduct_unproven"
        "the votes are not those of a member of that epoch's committee"
    360 TicketPolicyMissing "ticket_policy_missing"
        "nobody has said yet what tickets are like"
    361 TicketPolicyFixed "ticket_policy_fixed"
        "the domain of tickets and the length of a slot never change"
    362 TicketPolicyOutOfRange "ticket_policy_out_of_range"
        "no slot is that long, no vehicle has tickets for that many, or no batch waits so"
    363 GroupUnknown "group_unknown"
        "no such issuing group"
    364 GroupNumberSkipped "group_number_skipped"
        "issuing groups are numbered one after the other, up to 64"
    365 AuthoritiesJoined "authorities_joined"
        "one operator would hold two offices of an issuing group that must be apart"
    366 ThresholdInvalid "threshold_invalid"
        "members are sorted, and at least two of them sign, or one in a ledger for development"
    367 GroupFixed "group_fixed"
        "the authorities of an issuing group never change"
    368 ReplicasChanging "replicas_changing"
        "an earlier change of the number of replicas does not count yet"
    369 ReplicaInvalid "replica_invalid"
        "replicas are numbered one after the other, up to 16"
    370 IssuingKeyUsed "issuing_key_used"
        "the key is or was used for something else"
    371 KeySpanInvalid "key_span_invalid"
        "the key ends before it begins or before now, or counts for too long"
    372 CeremonyDiffers "ceremony_differs"
        "another key is being made"
    373 KeyPartPosted "key_part_posted"
        "the member has posted that part already"
    374 KeyPartEarly "key_part_early"
        "not all members have posted their parts of the round before"
    375 TicketKeysFull "ticket_keys_full"
        "more keys sign tickets already than cars keep"
    376 TicketKeyUnknown "ticket_key_unknown"
        "no such key signs tickets"
    377 SlotsInvalid "slots_invalid"
        "slots are sorted, have tickets, are not over, and vehicles may have tickets for them"
    378 EnrolmentUnknown "enrolment_unknown"
        "the vehicle is enrolled with no issuing group"
    379 EnrolledAlready "enrolled_already"
        "the vehicle is enrolled with that issuing group"
    380 EnrolmentNotActive "enrolment_not_active"
        "the vehicle's enrolment is suspended or revoked"
    381 TicketNotIssued "ticket_not_issued"
        "no key of this ledger signed the ticket"
    382 TicketOutOfTime "ticket_out_of_time"
        "the ticket's slot has not begun, or nobody has to remember it any more"
    383 SuspensionInvalid "suspension_invalid"
        "a suspension ends after now, and within a week"
    384 OrderUnknown "order_unknown"
        "no such order, or none that means anything now"
    385 OrderClosed "order_closed"
        "something came of the order already"
    386 HandleNamed "handle_named"
        "the member has named a handle already, or enough others have"
    387 HandleMissing "handle_missing"
        "the accused ticket's handle is not settled yet"
    388 SeedGiven "seed_given"
        "the operator has given a seed of that authority already"
    389 SeedEarly "seed_early"
        "the authority itself still has time to give its seed"
    390 AppealMade "appeal_made"
        "the accused has appealed already"
    391 OperatorInactive "operator_inactive"
        "the operator does not take part"
    392 MisbehaviourUnproven "misbehaviour_unproven"
        "the messages are not the accused's, or can be true"
    393 AccusedAlready "accused_already"
        "the station was accused before"
    394 WitnessKnown "witness_known"
        "the witness testified against the station before"
    395 WitnessOverQuota "witness_over_quota"
        "the witness testified against three others already"
    396 WitnessesMissing "witnesses_missing"
        "fewer than three vehicles testified about one minute"
    397 WitnessesBelieved "witnesses_believed"
        "the operator said so before"
}

impl Rule {
    /// Whether it says that whoever signed was not entitled to make such a record.
    ///
    /// Such refusals do not enter a vehicle's history.
    pub fn is_about_permission(self) -> bool {
        self.code() < FIRST_CODE_ABOUT_CONTENT
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// Writes its name.
impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl BorshSerialize for Rule {
    fn serialize<W: io::Write>(&self, writer: &mut W) -> io::Result<()> {
        BorshSerialize::serialize(&self.code(), writer)
    }
}

impl BorshDeserialize for Rule {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        let code = u16::deserialize_reader(reader)?;
        let unknown = || io::Error::new(io::ErrorKind::InvalidData, "unknown rule");
        Self::from_code(code).ok_or_else(unknown)
    }
}

const FIRST_CODE_ABOUT_CONTENT: u16 = 100;
