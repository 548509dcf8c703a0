// gRPC's interoperability cases with the C++ client (gRPC core) against any server of grpc.testing.TestService.
// Usage: interop_client HOST:PORT; exits with 1 when a case fails. Built by build.sh.
#include <array>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include "google/rpc/status.pb.h"
#include "interop_peer.h"

namespace interop {
namespace {

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

int RunAll(const char* address) {
  int failed = 0;
  for (const auto& [name, run] : kCases) {
    try {
      Peer peer(address);
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

}  // namespace
}  // namespace interop

int main(int count, char** arguments) {
  if (count != 2) {
    std::fputs("usage: interop_client HOST:PORT\n", stderr);
    return 2;
  }
  alarm(120);  // a call that never ends
  return interop::RunAll(arguments[1]);
}
