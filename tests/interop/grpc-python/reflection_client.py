#!/usr/bin/env python3
"""Learns a server's whole contract by reflection with grpcio, and compares it with protoc's; then asks for its health.

Usage: reflection_client.py HOST:PORT PACKAGE

PACKAGE is a package below proto/, such as seal.v1: its files with all their imports, as reflection gives them, must build in an empty
descriptor pool and be equal to what protoc makes of the sources. v1 and v1alpha are asked each. Exits with 1 at the first difference.
"""
import subprocess
import sys
import tempfile

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool

from testing_protos import HEALTH, PROTO_ROOT, REFLECTION, REFLECTION_V1ALPHA

NOT_FOUND = grpc.StatusCode.NOT_FOUND.value[0]
TIMEOUT_SECONDS = 30


class Reflection:
    """One version of the reflection service."""

    def __init__(self, channel, messages):
        self._messages = messages
        package = messages.DESCRIPTOR.package
        self.service = f"{package}.ServerReflection"
        self._call = channel.stream_stream(
            f"/{self.service}/ServerReflectionInfo",
            request_serializer=messages.ServerReflectionRequest.SerializeToString,
            response_deserializer=messages.ServerReflectionResponse.FromString)

    def ask_all(self, questions):
        """The answers to [{field: value}], asked one after another on one stream."""
        requests = [self._messages.ServerReflectionRequest(**question) for question in questions]
        answers = list(self._call(iter(requests), timeout=TIMEOUT_SECONDS))
        assert len(answers) == len(requests), f"{len(answers)} answers to {len(requests)} questions"
        for request, answer in zip(requests, answers):
            assert answer.original_request == request, f"{answer.original_request} is not what was asked"
        return answers

    def services(self):
        (answer,) = self.ask_all([{"list_services": "*"}])
        return [service.name for service in answer.list_services_response.service]

    def files(self, question):
        (answer,) = self.ask_all([question])
        assert answer.HasField("file_descriptor_response"), f"{question}: {answer}"
        files = [descriptor_pb2.FileDescriptorProto.FromString(data) for data in answer.file_descriptor_response.file_descriptor_proto]
        return {file.name: file for file in files}


def collect(reflection, services):
    """Every file that describes the services: by symbol, then import by import."""
    files = {}
    for service in services:
        files.update(reflection.files({"file_containing_symbol": service}))
    waiting = [name for file in files.values() for name in file.dependency]
    while waiting:
        name = waiting.pop()
        if name not in files:
            file = reflection.files({"file_by_filename": name})[name]
            files[name] = file
            waiting += file.dependency
    return files


def build(files):
    """The files as a fresh pool understands them. Every import must be among them, and every type be defined."""
    pool = descriptor_pool.DescriptorPool()
    added = set()

    def add(file):
        if file.name not in added:
            added.add(file.name)
            for name in file.dependency:
                add(files[name])
            pool.AddSerializedFile(file.SerializeToString())

    for file in files.values():
        add(file)
    return pool


def compile_package(package):
    """What protoc makes of the package's sources and their imports."""
    sources = [str(path) for path in sorted((PROTO_ROOT / package.replace(".", "/")).glob("*.proto"))]
    assert sources, f"there is no package {package}"
    with tempfile.NamedTemporaryFile(suffix=".binpb") as out:
        subprocess.run(["protoc", f"-I{PROTO_ROOT}", "--include_imports", f"--descriptor_set_out={out.name}", *sources], check=True)
        return {file.name: file for file in descriptor_pb2.FileDescriptorSet.FromString(out.read()).file}


def without_json_names(message):
    """protoc adds every field's JSON name to a descriptor set, and not to the descriptors in generated code."""
    for field in message.field:
        field.ClearField("json_name")
    for nested in message.nested_type:
        without_json_names(nested)


def compare(reflected, compiled):
    """Equal in everything: messages, fields, services, options, imports."""
    assert set(reflected) >= set(compiled), f"not reflected: {set(compiled) - set(reflected)}"
    for name, expected in compiled.items():
        for file in (expected, reflected[name]):
            for message in file.message_type:
                without_json_names(message)
        assert reflected[name] == expected, f"{name} differs:\n{reflected[name]}\nprotoc has:\n{expected}"


def check_reflection(channel, messages, package):
    reflection = Reflection(channel, messages)
    services = reflection.services()
    assert reflection.service in services, services
    compiled = compile_package(package)
    declared = [f"{package}.{service.name}" for file in compiled.values() if file.package == package for service in file.service]
    assert declared and set(declared) <= set(services), f"{declared} declared, {services} served"

    files = collect(reflection, declared)
    pool = build(files)
    compare(files, compiled)
    for service in declared:
        for method in pool.FindServiceByName(service).methods:
            by_method = reflection.files({"file_containing_symbol": method.full_name})
            by_input = reflection.files({"file_containing_symbol": method.input_type.full_name})
            assert method.containing_service.file.name in by_method, method.full_name
            assert method.input_type.file.name in by_input, method.input_type.full_name

    unknown = reflection.ask_all([{"file_containing_symbol": f"{package}.Nothing"}, {"file_by_filename": "nothing.proto"}, {"list_services": ""}])
    assert [answer.error_response.error_code for answer in unknown[:2]] == [NOT_FOUND, NOT_FOUND], unknown
    assert unknown[2].HasField("list_services_response"), "the stream did not go on after an error"
    return len(declared), len(compiled)


def check_health(channel, package, services):
    def path(name):
        return f"/grpc.health.v1.Health/{name}"

    coder = {"request_serializer": HEALTH.HealthCheckRequest.SerializeToString, "response_deserializer": HEALTH.HealthCheckResponse.FromString}
    check = channel.unary_unary(path("Check"), **coder)
    watch = channel.unary_stream(path("Watch"), **coder)
    for service in services:
        request = HEALTH.HealthCheckRequest(service=service)
        assert check(request, timeout=TIMEOUT_SECONDS).status == HEALTH.HealthCheckResponse.SERVING, service
        call = watch(request, timeout=TIMEOUT_SECONDS)
        assert next(call).status == HEALTH.HealthCheckResponse.SERVING, service
        call.cancel()

    unknown = HEALTH.HealthCheckRequest(service=f"{package}.Nothing")
    try:
        check(unknown, timeout=TIMEOUT_SECONDS)
        raise AssertionError("an unknown service has a health")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.NOT_FOUND, error
    call = watch(unknown, timeout=TIMEOUT_SECONDS)
    assert next(call).status == HEALTH.HealthCheckResponse.SERVICE_UNKNOWN
    call.cancel()


def main():
    address, package = sys.argv[1:]
    with grpc.insecure_channel(address) as channel:
        for messages in (REFLECTION, REFLECTION_V1ALPHA):
            services, files = check_reflection(channel, messages, package)
            print(f"{messages.DESCRIPTOR.package}: {services} services of {package}, {files} files equal to protoc's")
        reflected = Reflection(channel, REFLECTION).services()
        served = [""] + [name for name in reflected if name.startswith(f"{package}.")]
        check_health(channel, package, served)
        print(f"grpc.health.v1: {len(served)} SERVING, by Check and by Watch")


if __name__ == "__main__":
    main()
