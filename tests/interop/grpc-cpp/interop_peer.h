// What the cases share: a connection, the requests that the descriptions ask for, and assertions.
#pragma once

#include <array>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include <grpcpp/grpcpp.h>

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

namespace interop {

using namespace grpc::testing;
using grpc::ClientContext;
using grpc::Status;
using grpc::StatusCode;

inline constexpr int kLargeRequest = 271828;
inline constexpr int kLargeResponse = 314159;
inline constexpr std::array kRequestSizes{27182, 8, 1828, 45904};
inline constexpr std::array kResponseSizes{31415, 9, 2653, 58979};
inline constexpr char kEchoInitial[] = "x-grpc-test-echo-initial";
inline constexpr char kEchoTrailing[] = "x-grpc-test-echo-trailing-bin";
inline constexpr char kSpecialMessage[] = "\t\ntest with whitespace\r\nand Unicode BMP \u263A and non-BMP \U0001F608\t\n";

inline void Expect(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error(what);
}

inline void ExpectCode(StatusCode code, const Status& status) {
  Expect(status.error_code() == code,
         "status " + std::to_string(status.error_code()) + " (" + status.error_message() + ") and not " + std::to_string(code));
}

inline std::shared_ptr<grpc::Channel> Connect(const std::string& address) {
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

inline SimpleRequest LargeRequest() {
  SimpleRequest request;
  request.set_response_size(kLargeResponse);
  request.mutable_payload()->set_body(std::string(kLargeRequest, '\0'));
  return request;
}

inline StreamingOutputCallRequest OutputRequest(int response_size, int payload_size) {
  StreamingOutputCallRequest request;
  request.add_response_parameters()->set_size(response_size);
  request.mutable_payload()->set_body(std::string(payload_size, '\0'));
  return request;
}

inline StreamingInputCallRequest InputRequest(int size) {
  StreamingInputCallRequest request;
  request.mutable_payload()->set_body(std::string(size, '\0'));
  return request;
}

inline StreamingInputCallRequest InputRequest(int size, bool expect_compressed) {
  auto request = InputRequest(size);
  request.mutable_expect_compressed()->set_value(expect_compressed);
  return request;
}

inline void ExpectZeros(const Payload& payload, int size) {
  Expect(payload.body() == std::string(size, '\0'), "the payload has " + std::to_string(payload.body().size()) + " bytes, or not only zeros");
}

}  // namespace interop
