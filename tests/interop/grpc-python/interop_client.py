#!/usr/bin/env python3
"""gRPC's interoperability cases with the Python client (gRPC core) against any server of grpc.testing.TestService.

Usage: interop_client.py HOST:PORT

Needs grpcio and protoc. Exits with 1 when a case fails.
"""
import signal
import sys
import time

import grpc

from testing_protos import EMPTY, HEALTH, MESSAGES, STATUS

LARGE_REQUEST = 271828
LARGE_RESPONSE = 314159
REQUEST_SIZES = [27182, 8, 1828, 45904]
RESPONSE_SIZES = [31415, 9, 2653, 58979]


class Stub:
    """The methods of TestService."""

    def __init__(self, channel):
        def path(name):
            return f"/grpc.testing.TestService/{name}"

        def coder(cls):
            return {"request_serializer": lambda message: message.SerializeToString(), "response_deserializer": cls.FromString}

        self.empty = channel.unary_unary(path("EmptyCall"), **coder(EMPTY.Empty))
        self.unary = channel.unary_unary(path("UnaryCall"), **coder(MESSAGES.SimpleResponse))
        self.output = channel.unary_stream(path("StreamingOutputCall"), **coder(MESSAGES.StreamingOutputCallResponse))
        self.input = channel.stream_unary(path("StreamingInputCall"), **coder(MESSAGES.StreamingInputCallResponse))
        self.duplex = channel.stream_stream(path("FullDuplexCall"), **coder(MESSAGES.StreamingOutputCallResponse))
        self.unimplemented = channel.unary_unary(path("UnimplementedCall"), **coder(EMPTY.Empty))
        self.no_service = channel.unary_unary("/grpc.testing.UnimplementedService/UnimplementedCall", **coder(EMPTY.Empty))
        self.health = channel.unary_unary("/grpc.health.v1.Health/Check", **coder(HEALTH.HealthCheckResponse))


def payload(size):
    return MESSAGES.Payload(body=bytes(size))


def large_request(**fields):
    return MESSAGES.SimpleRequest(response_size=LARGE_RESPONSE, payload=payload(LARGE_REQUEST), **fields)


def output_request(*sizes, **fields):
    parameters = [MESSAGES.ResponseParameters(size=size) for size in sizes]
    return MESSAGES.StreamingOutputCallRequest(response_parameters=parameters, **fields)


def flag(value):
    return MESSAGES.BoolValue(value=value)


def expect_error(code, call):
    try:
        call()
    except grpc.RpcError as error:
        assert error.code() == code, f"{error.code()} and not {code}: {error.details()}"
        return error
    raise AssertionError(f"OK and not {code}")


def empty_unary(stub):
    assert stub.empty(EMPTY.Empty()) == EMPTY.Empty()


def large_unary(stub):
    assert stub.unary(large_request()).payload.body == bytes(LARGE_RESPONSE)


def client_compressed_unary(stub):
    request = large_request(expect_compressed=flag(True))
    expect_error(grpc.StatusCode.INVALID_ARGUMENT, lambda: stub.unary(request))
    assert len(stub.unary(request, compression=grpc.Compression.Gzip).payload.body) == LARGE_RESPONSE
    assert len(stub.unary(large_request(expect_compressed=flag(False))).payload.body) == LARGE_RESPONSE


def server_compressed_unary(stub):
    for compressed in (True, False):
        assert stub.unary(large_request(response_compressed=flag(compressed))).payload.body == bytes(LARGE_RESPONSE)


def client_streaming(stub):
    requests = (MESSAGES.StreamingInputCallRequest(payload=payload(size)) for size in REQUEST_SIZES)
    assert stub.input(requests).aggregated_payload_size == 74922


def client_compressed_streaming(stub):
    def requests():
        yield MESSAGES.StreamingInputCallRequest(payload=payload(27182), expect_compressed=flag(True))

    expect_error(grpc.StatusCode.INVALID_ARGUMENT, lambda: stub.input(requests()))
    assert stub.input(requests(), compression=grpc.Compression.Gzip).aggregated_payload_size == 27182


def server_streaming(stub):
    assert [len(response.payload.body) for response in stub.output(output_request(*RESPONSE_SIZES))] == RESPONSE_SIZES


def server_compressed_streaming(stub):
    request = output_request(31415, 92653)
    request.response_parameters[0].compressed.value = True
    request.response_parameters[1].compressed.value = False
    assert [len(response.payload.body) for response in stub.output(request)] == [31415, 92653]


def ping_pong(stub):
    import queue
    requests = queue.Queue()
    call = stub.duplex(iter(requests.get, None))
    for request_size, response_size in zip(REQUEST_SIZES, RESPONSE_SIZES):
        requests.put(output_request(response_size, payload=payload(request_size)))
        assert len(next(call).payload.body) == response_size
    requests.put(None)
    assert not list(call)


def empty_stream(stub):
    assert not list(stub.duplex(iter(())))


def custom_metadata(stub):
    metadata = (("x-grpc-test-echo-initial", "test_initial_metadata_value"), ("x-grpc-test-echo-trailing-bin", b"\xab\xab\xab"))
    _, unary = stub.unary.with_call(large_request(), metadata=metadata)
    duplex = stub.duplex(iter([output_request(LARGE_RESPONSE, payload=payload(LARGE_REQUEST))]), metadata=metadata)
    assert len(list(duplex)) == 1
    for call in (unary, duplex):
        assert dict(call.initial_metadata())["x-grpc-test-echo-initial"] == "test_initial_metadata_value"
        assert dict(call.trailing_metadata())["x-grpc-test-echo-trailing-bin"] == b"\xab\xab\xab"


def binary_metadata(stub):
    """Not official: every byte, every padding of base64, and the values of one key in order."""
    values = [b"\x00", b"\xfb\xff", b"\x01\x02\x03", bytes(range(256))]
    metadata = [("x-grpc-test-echo-trailing-bin", value) for value in values]
    _, call = stub.unary.with_call(MESSAGES.SimpleRequest(), metadata=metadata)
    assert [value for key, value in call.trailing_metadata() if key == "x-grpc-test-echo-trailing-bin"] == values


def status_code_and_message(stub, message="test status message"):
    status = MESSAGES.EchoStatus(code=2, message=message)
    for call in (lambda: stub.unary(MESSAGES.SimpleRequest(response_status=status)),
                 lambda: list(stub.duplex(iter([MESSAGES.StreamingOutputCallRequest(response_status=status)])))):
        assert expect_error(grpc.StatusCode.UNKNOWN, call).details() == message


def special_status_message(stub):
    status_code_and_message(stub, "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n")


def unimplemented_method(stub):
    expect_error(grpc.StatusCode.UNIMPLEMENTED, lambda: stub.unimplemented(EMPTY.Empty()))


def unimplemented_service(stub):
    expect_error(grpc.StatusCode.UNIMPLEMENTED, lambda: stub.no_service(EMPTY.Empty()))


def cancel_after_begin(stub):
    call = stub.input.future(_never())
    call.cancel()
    assert call.code() == grpc.StatusCode.CANCELLED


def _never():
    """Requests that do not come before the call is over."""
    time.sleep(0.5)
    return
    yield


def cancel_after_first_response(stub):
    def requests():
        yield output_request(31415, payload=payload(27182))
        time.sleep(0.5)

    call = stub.duplex(requests())
    assert len(next(call).payload.body) == 31415
    call.cancel()
    expect_error(grpc.StatusCode.CANCELLED, lambda: next(call))


def timeout_on_sleeping_server(stub):
    def requests():
        yield MESSAGES.StreamingOutputCallRequest(payload=payload(27182))
        time.sleep(0.5)

    expect_error(grpc.StatusCode.DEADLINE_EXCEEDED, lambda: next(stub.duplex(requests(), timeout=0.001)))


def status_details(stub):
    """Not official: an error for programs, in grpc-status-details-bin."""
    wanted = MESSAGES.EchoStatus(code=9, message="not yet ☺")
    error = expect_error(grpc.StatusCode.FAILED_PRECONDITION, lambda: stub.unary(MESSAGES.SimpleRequest(response_status=wanted)))
    status = STATUS.Status.FromString(dict(error.trailing_metadata())["grpc-status-details-bin"])
    assert (status.code, status.message) == (wanted.code, wanted.message), status
    detail = MESSAGES.EchoStatus()
    assert len(status.details) == 1 and status.details[0].Unpack(detail) and detail == wanted, status


def status_while_uploading(stub):
    """Not official: the server's error must arrive although the client has more to send."""
    def requests():
        yield MESSAGES.StreamingOutputCallRequest(response_status=MESSAGES.EchoStatus(code=9, message="stop"))
        for _ in range(200):
            yield MESSAGES.StreamingOutputCallRequest(payload=payload(100_000))

    error = expect_error(grpc.StatusCode.FAILED_PRECONDITION, lambda: list(stub.duplex(requests())))
    assert error.details() == "stop"


def message_over_the_limit(stub):
    """Not official."""
    request = MESSAGES.SimpleRequest(payload=payload(5 * 1024 * 1024))
    expect_error(grpc.StatusCode.RESOURCE_EXHAUSTED, lambda: stub.unary(request))


def rpc_soak(stub):
    for _ in range(100):
        large_unary(stub)


def health_check(stub):
    assert stub.health(HEALTH.HealthCheckRequest()).status == 1
    expect_error(grpc.StatusCode.NOT_FOUND, lambda: stub.health(HEALTH.HealthCheckRequest(service="nothing")))


CASES = [
    empty_unary, large_unary, client_compressed_unary, server_compressed_unary, client_streaming, client_compressed_streaming,
    server_streaming, server_compressed_streaming, ping_pong, empty_stream, custom_metadata, binary_metadata, status_code_and_message,
    special_status_message, unimplemented_method, unimplemented_service, cancel_after_begin, cancel_after_first_response,
    timeout_on_sleeping_server, status_details, status_while_uploading, message_over_the_limit, rpc_soak, health_check,
]


def main():
    address = sys.argv[1]
    signal.alarm(120)  # a call that never ends
    failed = 0
    for case in CASES:
        with grpc.insecure_channel(address) as channel:
            try:
                case(Stub(channel))
                print(f"ok      {case.__name__}")
            except Exception as error:  # every case is reported
                failed += 1
                print(f"FAILED  {case.__name__}: {type(error).__name__}: {error}")
    # channel_soak: a new channel for each call.
    for _ in range(20):
        with grpc.insecure_channel(address) as channel:
            large_unary(Stub(channel))
    print("ok      channel_soak")
    print(f"{len(CASES) + 1 - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
