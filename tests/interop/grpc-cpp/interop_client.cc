// gRPC's interoperability cases with the C++ client (gRPC core) against any server of grpc.testing.TestService.
// Usage: interop_client HOST:PORT; exits with 1 when a case fails. Built by build.sh.
#include <array>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "google/rpc/status.pb.h"
#include "grpc/testing/test.grpc.pb.h"

// Not in a public header, but exported for gRPC's own interoperability client: the only way to see a message's compressed flag.
extern uint32_t grpc_call_test_only_get_message_flags(grpc_call* call);

namespace grpc::testing {
// The name that ClientContext calls its friend.
class InteropClientContextInspector {
 public:
  // GRPC_WRITE_INTERNAL_TEST_ONLY_WAS_COMPRESSED of gRPC core's transport.h.
  static bool LastResponseWasCompressed(const ClientContext& context) {
    return (grpc_call_test_only_get_message_flags(context.call_) & 0x40000000u) != 0;
  }
};
}  // namespace grpc::testing

namespace {

using namespace grpc::testing;
using grpc::ClientContext;
using grpc::Status;
using grpc::StatusCode;

constexpr int kLargeRequest = 271828;
constexpr int kLargeResponse = 314159;
constexpr std::array kRequestSizes{27182, 8, 1828, 45904};
constexpr std::array kResponseSizes{31415, 9, 2653, 58979};
constexpr char kEchoInitial[] = "x-grpc-test-echo-initial";
constexpr char kEchoTrailing[] = "x-grpc-test-echo-trailing-bin";
constexpr char kSpecialMessage[] = "\t\ntest with whitespace\r\nand Unicode BMP \u263A and non-BMP \U0001F608\t\n";

void Expect(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error(what);
}

void ExpectCode(StatusCode code, const Status& status) {
  Expect(status.error_code() == code,
         "status " + std::to_string(status.error_code()) + " (" + status.error_message() + ") and not " + std::to_string(code));
}

std::shared_ptr<grpc::Channel> Connect(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a connection of its own
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

// What a case runs on: the channel is its own.
struct Peer {
  explicit Peer(std::string at) : address(std::move(at)), channel(Connect(address)), stub(TestService::NewStub(channel)) {}
  const std::string address;
  const std::shared_ptr<grpc::Channel> channel;
  const std::unique_ptr<TestService::Stub> stub;
};

SimpleRequest LargeRequest() {
  SimpleRequest request;
  request.set_response_size(kLargeResponse);
  request.mutable_payload()->set_body(std::string(kLargeRequest, '\0'));
  return request;
}

StreamingOutputCallRequest OutputRequest(int response_size, int payload_size) {
  StreamingOutputCallRequest request;
  request.add_response_parameters()->set_size(response_size);
  request.mutable_payload()->set_body(std::string(payload_size, '\0'));
  return request;
}

StreamingInputCallRequest InputRequest(int size) {
  StreamingInputCallRequest request;
  request.mutable_payload()->set_body(std::string(size, '\0'));
  return request;
}

StreamingInputCallRequest InputRequest(int size, bool expect_compressed) {
  auto request = InputRequest(size);
  request.mutable_expect_compressed()->set_value(expect_compressed);
  return request;
}

void ExpectZeros(const Payload& payload, int size) {
  Expect(payload.body() == std::string(size, '\0'), "the payload has " + std::to_string(payload.body().size()) + " bytes, or not only zeros");
}

void LargeUnaryOn(Peer& peer, const SimpleRequest& request, ClientContext& context) {
  SimpleResponse response;
  ExpectCode(StatusCode::OK, peer.stub->UnaryCall(&context, request, &response));
  ExpectZeros(response.payload(), kLargeResponse);
}

void EmptyUnary(Peer& peer) {
  ClientContext context;
  Empty response;
  ExpectCode(StatusCode::OK, peer.stub->EmptyCall(&context, Empty(), &response));
  Expect(response.ByteSizeLong() == 0, "the response is not empty");
}

void LargeUnary(Peer& peer) {
  ClientContext context;
  LargeUnaryOn(peer, LargeRequest(), context);
}

void ClientCompressedUnary(Peer& peer) {
  auto request = LargeRequest();
  request.mutable_expect_compressed()->set_value(true);
  ClientContext probe;  // not compressed, although it says so
  SimpleResponse response;
  ExpectCode(StatusCode::INVALID_ARGUMENT, peer.stub->UnaryCall(&probe, request, &response));

  ClientContext compressed;
  compressed.set_compression_algorithm(GRPC_COMPRESS_GZIP);
  LargeUnaryOn(peer, request, compressed);
  ClientContext plain;
  request.mutable_expect_compressed()->set_value(false);
  LargeUnaryOn(peer, request, plain);
}

void ServerCompressedUnary(Peer& peer) {
  for (bool compressed : {true, false}) {
    ClientContext context;
    auto request = LargeRequest();
    request.mutable_response_compressed()->set_value(compressed);
    LargeUnaryOn(peer, request, context);
    Expect(InteropClientContextInspector::LastResponseWasCompressed(context) == compressed, "the response's compressed flag is wrong");
  }
}

void ClientStreaming(Peer& peer) {
  ClientContext context;
  StreamingInputCallResponse response;
  auto stream = peer.stub->StreamingInputCall(&context, &response);
  for (int size : kRequestSizes) Expect(stream->Write(InputRequest(size)), "a request was not taken");
  Expect(stream->WritesDone(), "the end of the requests was not taken");
  ExpectCode(StatusCode::OK, stream->Finish());
  Expect(response.aggregated_payload_size() == 74922, "the sum is wrong");
}

void ClientCompressedStreaming(Peer& peer) {
  ClientContext probe_context;
  StreamingInputCallResponse response;
  auto probe = peer.stub->StreamingInputCall(&probe_context, &response);
  probe->Write(InputRequest(27182, true));
  probe->WritesDone();
  ExpectCode(StatusCode::INVALID_ARGUMENT, probe->Finish());

  ClientContext context;
  context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
  auto stream = peer.stub->StreamingInputCall(&context, &response);
  Expect(stream->Write(InputRequest(27182, true)), "the compressed request was not taken");
  Expect(stream->Write(InputRequest(45904, false), grpc::WriteOptions().set_no_compression()), "the plain request was not taken");
  Expect(stream->WritesDone(), "the end of the requests was not taken");
  ExpectCode(StatusCode::OK, stream->Finish());
  Expect(response.aggregated_payload_size() == 73086, "the sum is wrong");
}

void ServerStreaming(Peer& peer) {
  ClientContext context;
  StreamingOutputCallRequest request;
  for (int size : kResponseSizes) request.add_response_parameters()->set_size(size);
  auto stream = peer.stub->StreamingOutputCall(&context, request);
  StreamingOutputCallResponse response;
  for (int size : kResponseSizes) {
    Expect(stream->Read(&response), "a response is missing");
    ExpectZeros(response.payload(), size);
  }
  Expect(!stream->Read(&response), "there are too many responses");
  ExpectCode(StatusCode::OK, stream->Finish());
}

void ServerCompressedStreaming(Peer& peer) {
  const std::array<std::pair<int, bool>, 2> wanted{{{31415, true}, {92653, false}}};
  ClientContext context;
  StreamingOutputCallRequest request;
  for (auto [size, compressed] : wanted) {
    auto* parameters = request.add_response_parameters();
    parameters->set_size(size);
    parameters->mutable_compressed()->set_value(compressed);
  }
  auto stream = peer.stub->StreamingOutputCall(&context, request);
  StreamingOutputCallResponse response;
  for (auto [size, compressed] : wanted) {
    Expect(stream->Read(&response), "a response is missing");
    ExpectZeros(response.payload(), size);
    Expect(InteropClientContextInspector::LastResponseWasCompressed(context) == compressed, "a response's compressed flag is wrong");
  }
  Expect(!stream->Read(&response), "there are too many responses");
  ExpectCode(StatusCode::OK, stream->Finish());
}

void PingPong(Peer& peer) {
  ClientContext context;
  auto stream = peer.stub->FullDuplexCall(&context);
  StreamingOutputCallResponse response;
  for (size_t i = 0; i < kRequestSizes.size(); i++) {
    Expect(stream->Write(OutputRequest(kResponseSizes[i], kRequestSizes[i])), "a request was not taken");
    Expect(stream->Read(&response), "a response is missing");
    ExpectZeros(response.payload(), kResponseSizes[i]);
  }
  Expect(stream->WritesDone(), "the end of the requests was not taken");
  Expect(!stream->Read(&response), "there are too many responses");
  ExpectCode(StatusCode::OK, stream->Finish());
}

void EmptyStream(Peer& peer) {
  ClientContext context;
  auto stream = peer.stub->FullDuplexCall(&context);
  stream->WritesDone();
  StreamingOutputCallResponse response;
  Expect(!stream->Read(&response), "there is a response");
  ExpectCode(StatusCode::OK, stream->Finish());
}

void ExpectEchoes(const ClientContext& context) {
  const auto initial = context.GetServerInitialMetadata().find(kEchoInitial);
  Expect(initial != context.GetServerInitialMetadata().end() && initial->second == "test_initial_metadata_value", "the initial metadata is wrong");
  const auto trailing = context.GetServerTrailingMetadata().find(kEchoTrailing);
  Expect(trailing != context.GetServerTrailingMetadata().end() && trailing->second == "\xab\xab\xab", "the trailing metadata is wrong");
}

void CustomMetadata(Peer& peer) {
  ClientContext unary;
  ClientContext duplex;
  for (auto* context : {&unary, &duplex}) {
    context->AddMetadata(kEchoInitial, "test_initial_metadata_value");
    context->AddMetadata(kEchoTrailing, "\xab\xab\xab");
  }
  LargeUnaryOn(peer, LargeRequest(), unary);
  ExpectEchoes(unary);

  auto stream = peer.stub->FullDuplexCall(&duplex);
  StreamingOutputCallResponse response;
  Expect(stream->Write(OutputRequest(kLargeResponse, kLargeRequest)), "the request was not taken");
  stream->WritesDone();
  Expect(stream->Read(&response), "the response is missing");
  ExpectZeros(response.payload(), kLargeResponse);
  Expect(!stream->Read(&response), "there are too many responses");
  ExpectCode(StatusCode::OK, stream->Finish());
  ExpectEchoes(duplex);
}

void StatusWithMessage(Peer& peer, const std::string& message) {
  EchoStatus wanted;
  wanted.set_code(StatusCode::UNKNOWN);
  wanted.set_message(message);

  ClientContext unary;
  SimpleRequest request;
  *request.mutable_response_status() = wanted;
  SimpleResponse response;
  const auto status = peer.stub->UnaryCall(&unary, request, &response);
  ExpectCode(StatusCode::UNKNOWN, status);
  Expect(status.error_message() == message, "the unary call's message is '" + status.error_message() + "'");

  ClientContext duplex;
  auto stream = peer.stub->FullDuplexCall(&duplex);
  StreamingOutputCallRequest output;
  *output.mutable_response_status() = wanted;
  stream->Write(output);
  stream->WritesDone();
  StreamingOutputCallResponse none;
  Expect(!stream->Read(&none), "there is a response");
  const auto streamed = stream->Finish();
  ExpectCode(StatusCode::UNKNOWN, streamed);
  Expect(streamed.error_message() == message, "the stream's message is '" + streamed.error_message() + "'");
}

void UnimplementedMethod(Peer& peer) {
  ClientContext context;
  Empty response;
  ExpectCode(StatusCode::UNIMPLEMENTED, peer.stub->UnimplementedCall(&context, Empty(), &response));
}

void UnimplementedServiceCase(Peer& peer) {
  ClientContext context;
  Empty response;
  ExpectCode(StatusCode::UNIMPLEMENTED, UnimplementedService::NewStub(peer.channel)->UnimplementedCall(&context, Empty(), &response));
}

void CancelAfterBegin(Peer& peer) {
  ClientContext context;
  StreamingInputCallResponse response;
  auto stream = peer.stub->StreamingInputCall(&context, &response);
  context.TryCancel();
  ExpectCode(StatusCode::CANCELLED, stream->Finish());
}

void CancelAfterFirstResponse(Peer& peer) {
  ClientContext context;
  auto stream = peer.stub->FullDuplexCall(&context);
  StreamingOutputCallResponse response;
  Expect(stream->Write(OutputRequest(31415, 27182)), "the request was not taken");
  Expect(stream->Read(&response), "the response is missing");
  ExpectZeros(response.payload(), 31415);
  context.TryCancel();
  ExpectCode(StatusCode::CANCELLED, stream->Finish());
}

void TimeoutOnSleepingServer(Peer& peer) {
  ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(1));
  auto stream = peer.stub->FullDuplexCall(&context);
  StreamingOutputCallRequest request;
  request.mutable_payload()->set_body(std::string(27182, '\0'));
  stream->Write(request);
  ExpectCode(StatusCode::DEADLINE_EXCEEDED, stream->Finish());
}

// Not official: an error for programs, in grpc-status-details-bin.
void StatusDetails(Peer& peer) {
  SimpleRequest request;
  request.mutable_response_status()->set_code(StatusCode::FAILED_PRECONDITION);
  request.mutable_response_status()->set_message("not yet \u263A");
  ClientContext context;
  SimpleResponse response;
  const auto status = peer.stub->UnaryCall(&context, request, &response);
  ExpectCode(StatusCode::FAILED_PRECONDITION, status);
  google::rpc::Status details;
  Expect(details.ParseFromString(status.error_details()), "the details can't be read");
  Expect(details.code() == status.error_code() && details.message() == status.error_message(), "the details are of another status");
  EchoStatus detail;
  Expect(details.details_size() == 1 && details.details(0).UnpackTo(&detail), "the detail is missing");
  Expect(detail.SerializeAsString() == request.response_status().SerializeAsString(), "the detail is wrong");
}

// Not official: the server's error must arrive although the client has more to send.
void StatusWhileUploading(Peer& peer) {
  ClientContext context;
  auto stream = peer.stub->FullDuplexCall(&context);
  StreamingOutputCallRequest request;
  request.mutable_response_status()->set_code(StatusCode::FAILED_PRECONDITION);
  request.mutable_response_status()->set_message("stop");
  stream->Write(request);
  request.clear_response_status();
  request.mutable_payload()->set_body(std::string(100'000, '\0'));
  for (int i = 0; i < 200 && stream->Write(request); i++) {
  }
  const auto status = stream->Finish();
  ExpectCode(StatusCode::FAILED_PRECONDITION, status);
  Expect(status.error_message() == "stop", "the message is '" + status.error_message() + "'");
}

// Not official.
void MessageOverTheLimit(Peer& peer) {
  ClientContext context;
  SimpleRequest request;
  request.mutable_payload()->set_body(std::string(5 * 1024 * 1024, '\0'));
  SimpleResponse response;
  ExpectCode(StatusCode::RESOURCE_EXHAUSTED, peer.stub->UnaryCall(&context, request, &response));
}

void RpcSoak(Peer& peer) {
  for (int i = 0; i < 100; i++) LargeUnary(peer);
}

void ChannelSoak(Peer& peer) {
  for (int i = 0; i < 20; i++) {
    Peer other(peer.address);
    LargeUnary(other);
  }
}

const std::vector<std::pair<const char*, std::function<void(Peer&)>>> kCases{
    {"empty_unary", EmptyUnary},
    {"large_unary", LargeUnary},
    {"client_compressed_unary", ClientCompressedUnary},
    {"server_compressed_unary", ServerCompressedUnary},
    {"client_streaming", ClientStreaming},
    {"client_compressed_streaming", ClientCompressedStreaming},
    {"server_streaming", ServerStreaming},
    {"server_compressed_streaming", ServerCompressedStreaming},
    {"ping_pong", PingPong},
    {"empty_stream", EmptyStream},
    {"custom_metadata", CustomMetadata},
    {"status_code_and_message", [](Peer& peer) { StatusWithMessage(peer, "test status message"); }},
    {"special_status_message", [](Peer& peer) { StatusWithMessage(peer, kSpecialMessage); }},
    {"unimplemented_method", UnimplementedMethod},
    {"unimplemented_service", UnimplementedServiceCase},
    {"cancel_after_begin", CancelAfterBegin},
    {"cancel_after_first_response", CancelAfterFirstResponse},
    {"timeout_on_sleeping_server", TimeoutOnSleepingServer},
    {"status_details", StatusDetails},
    {"status_while_uploading", StatusWhileUploading},
    {"message_over_the_limit", MessageOverTheLimit},
    {"rpc_soak", RpcSoak},
    {"channel_soak", ChannelSoak},
};

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) {
    std::fputs("usage: interop_client HOST:PORT\n", stderr);
    return 2;
  }
  int failed = 0;
  for (const auto& [name, run] : kCases) {
    try {
      Peer peer(arguments[1]);
      run(peer);
      std::printf("ok      %s\n", name);
    } catch (const std::exception& error) {
      failed++;
      std::printf("FAILED  %s: %s\n", name, error.what());
    }
  }
  std::printf("%zu passed, %d failed\n", kCases.size() - failed, failed);
  return failed == 0 ? 0 : 1;
}
