#!/usr/bin/env python3
"""grpc.testing.TestService on grpcio (gRPC core), for any interoperability client.

Usage: interop_server.py [PORT]        default: any free port

Prints its address, then serves on 127.0.0.1 until it is ended. grpcio does not tell whether a request was compressed, so
expect_compressed is not checked. Needs grpcio and protoc.
"""
import signal
import sys
import time
from concurrent import futures

import grpc

from testing_protos import EMPTY, MESSAGES, STATUS

ECHO_INITIAL = "x-grpc-test-echo-initial"
ECHO_TRAILING = "x-grpc-test-echo-trailing-bin"
STATUS_CODES = {code.value[0]: code for code in grpc.StatusCode}


def echo_metadata(context):
    metadata = context.invocation_metadata()
    context.send_initial_metadata([(key, value) for key, value in metadata if key == ECHO_INITIAL])
    context.set_trailing_metadata([(key, value) for key, value in metadata if key == ECHO_TRAILING])


def abort_if_asked(request, context):
    """Beyond the official description, the status carries what was asked for as its detail."""
    wanted = request.response_status
    if wanted.code:
        status = STATUS.Status(code=wanted.code, message=wanted.message)
        status.details.add().Pack(wanted)
        context.set_trailing_metadata([("grpc-status-details-bin", status.SerializeToString())])
        context.abort(STATUS_CODES[wanted.code], wanted.message)


def payload(size):
    return MESSAGES.Payload(body=bytes(size))


def empty_call(request, context):
    echo_metadata(context)
    return EMPTY.Empty()


def unary_call(request, context):
    if request.response_compressed.value:
        context.set_compression(grpc.Compression.Gzip)
    echo_metadata(context)
    abort_if_asked(request, context)
    return MESSAGES.SimpleResponse(payload=payload(request.response_size))


def respond(request, context):
    abort_if_asked(request, context)
    for wanted in request.response_parameters:
        time.sleep(wanted.interval_us / 1e6)
        if not wanted.compressed.value:
            context.disable_next_message_compression()
        yield MESSAGES.StreamingOutputCallResponse(payload=payload(wanted.size))


def streaming_output_call(request, context):
    context.set_compression(grpc.Compression.Gzip)
    echo_metadata(context)
    yield from respond(request, context)


def streaming_input_call(requests, context):
    echo_metadata(context)
    return MESSAGES.StreamingInputCallResponse(aggregated_payload_size=sum(len(request.payload.body) for request in requests))


def full_duplex_call(requests, context):
    context.set_compression(grpc.Compression.Gzip)
    echo_metadata(context)
    for request in requests:
        yield from respond(request, context)


def half_duplex_call(requests, context):
    yield from full_duplex_call(list(requests), context)


def handlers():
    """The methods of TestService; any other is UNIMPLEMENTED."""
    def coder(request):
        return {"request_deserializer": request.FromString, "response_serializer": lambda message: message.SerializeToString()}

    simple, output = coder(MESSAGES.SimpleRequest), coder(MESSAGES.StreamingOutputCallRequest)
    return grpc.method_handlers_generic_handler("grpc.testing.TestService", {
        "EmptyCall": grpc.unary_unary_rpc_method_handler(empty_call, **coder(EMPTY.Empty)),
        "UnaryCall": grpc.unary_unary_rpc_method_handler(unary_call, **simple),
        "StreamingOutputCall": grpc.unary_stream_rpc_method_handler(streaming_output_call, **output),
        "StreamingInputCall": grpc.stream_unary_rpc_method_handler(streaming_input_call, **coder(MESSAGES.StreamingInputCallRequest)),
        "FullDuplexCall": grpc.stream_stream_rpc_method_handler(full_duplex_call, **output),
        "HalfDuplexCall": grpc.stream_stream_rpc_method_handler(half_duplex_call, **output),
    })


def main():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16))
    server.add_generic_rpc_handlers((handlers(),))
    port = server.add_insecure_port(f"127.0.0.1:{sys.argv[1] if len(sys.argv) > 1 else 0}")
    signal.signal(signal.SIGTERM, lambda *_: server.stop(grace=None))
    server.start()
    print(f"http://127.0.0.1:{port}", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
