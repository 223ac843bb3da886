// A driving stack in one page: publishes where its vehicle is, and prints what its agent knows of
// the others.
//
//   drive_stack unix:/run/wayside/agent.sock
//
// The address is the agent's unix socket, or 127.0.0.1:PORT. The vehicle drives north at 10 m/s from
// 55 N 2.5 E; a latitude and a longitude after the address start it elsewhere.

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>

#include <grpcpp/grpcpp.h>

#include "wayside/telemetry/v1/telemetry.grpc.pb.h"
#include "wayside/world/v1/world.grpc.pb.h"

namespace telemetry = wayside::telemetry::v1;
namespace types = wayside::types::v1;
namespace world = wayside::world::v1;

namespace {

constexpr std::chrono::milliseconds kPeriod{100};
constexpr double kSpeedMPerS = 10.0;
// The length of a degree of latitude; good enough for a made-up drive.
constexpr double kMetresPerDegree = 111'320.0;

// Publishes ten states a second until the stream ends. What a field leaves out is unavailable, and
// zero is a measurement.
void publish(const std::shared_ptr<grpc::Channel>& channel, double latitude_deg,
             double longitude_deg) {
  auto stub = telemetry::TelemetryService::NewStub(channel);
  grpc::ClientContext context;
  auto stream = stub->Publish(&context);

  // Every state is answered: unread answers would stop the stream.
  std::thread reader([&stream] {
    telemetry::PublishResponse response;
    while (stream->Read(&response)) {
      for (const auto& rejected : response.rejected()) {
        std::printf("refused: %s %s\n", rejected.reason().c_str(), rejected.message().c_str());
      }
    }
  });

  telemetry::PublishRequest request;
  auto& state = *request.mutable_state();
  state.mutable_position()->set_longitude_deg(longitude_deg);
  state.set_heading_deg(0.0);
  state.set_speed_m_per_s(kSpeedMPerS);
  auto due = std::chrono::steady_clock::now();
  for (std::uint64_t sequence = 1;; ++sequence) {
    const std::chrono::duration<double> period_s = kPeriod;
    latitude_deg += kSpeedMPerS * period_s.count() / kMetresPerDegree;
    state.mutable_position()->set_latitude_deg(latitude_deg);
    request.set_sequence(sequence);
    if (!stream->Write(request)) break;
    due += kPeriod;
    std::this_thread::sleep_until(due);
  }
  reader.join();
  std::fprintf(stderr, "publish: %s\n", stream->Finish().error_message().c_str());
}

void print_object(const types::Object& object) {
  const auto& state = object.state();
  std::printf("%s at %.6f %.6f, ", object.station_id().c_str(), state.position().latitude_deg(),
              state.position().longitude_deg());
  if (state.has_speed_m_per_s()) {
    std::printf("%.1f m/s\n", state.speed_m_per_s());
  } else {
    std::printf("speed unknown\n");
  }
}

void print_hazard(const types::Hazard& hazard) {
  std::printf("hazard %u (%s) at %.6f %.6f\n", hazard.cause().code(), hazard.cause().name().c_str(),
              hazard.position().latitude_deg(), hazard.position().longitude_deg());
}

// Prints every object and hazard: first all that is known, then each change.
grpc::Status print_world(const std::shared_ptr<grpc::Channel>& channel) {
  auto stub = world::WorldService::NewStub(channel);
  grpc::ClientContext context;
  auto events = stub->Subscribe(&context, world::SubscribeRequest{});
  world::SubscribeResponse response;
  while (events->Read(&response)) {
    switch (response.event_case()) {
      case world::SubscribeResponse::kObject:
        print_object(response.object());
        break;
      case world::SubscribeResponse::kObjectRemoved:
        std::printf("%s is gone\n", response.object_removed().station_id().c_str());
        break;
      case world::SubscribeResponse::kHazard:
        print_hazard(response.hazard());
        break;
      case world::SubscribeResponse::kHazardRemoved:
        std::printf("a hazard is over\n");
        break;
      case world::SubscribeResponse::kSnapshotEnd:
        std::printf("%u objects known\n", response.snapshot_end().objects());
        break;
      case world::SubscribeResponse::kGap:
        std::printf("missed %llu events\n",
                    static_cast<unsigned long long>(response.gap().dropped()));
        break;
      case world::SubscribeResponse::kHeartbeat:
      case world::SubscribeResponse::EVENT_NOT_SET:
        // A heartbeat shows that the stream lives. A newer agent may send what we do not know.
        break;
    }
    std::fflush(stdout);
  }
  return events->Finish();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s ADDRESS [LATITUDE LONGITUDE]\n", argv[0]);
    return EXIT_FAILURE;
  }
  const double latitude_deg = argc > 3 ? std::stod(argv[2]) : 55.0;
  const double longitude_deg = argc > 3 ? std::stod(argv[3]) : 2.5;
  // Of a unix socket, gRPC would send the path as the name of the host, which is not one.
  grpc::ChannelArguments arguments;
  arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, "localhost");
  auto channel =
      grpc::CreateCustomChannel(argv[1], grpc::InsecureChannelCredentials(), arguments);
  std::thread publisher(publish, channel, latitude_deg, longitude_deg);
  const grpc::Status status = print_world(channel);
  std::fprintf(stderr, "subscribe: %s\n", status.error_message().c_str());
  publisher.join();
  return status.ok() ? EXIT_SUCCESS : EXIT_FAILURE;
}
