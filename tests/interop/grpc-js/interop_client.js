#!/usr/bin/env node
// gRPC's interoperability cases with grpc-js against any server of grpc.testing.TestService.
// Usage: npm ci && node interop_client.js HOST:PORT; exits with 1 when a case fails.
'use strict';

const assert = require('node:assert');
const path = require('node:path');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const LARGE_REQUEST = 271828;
const LARGE_RESPONSE = 314159;
const REQUEST_SIZES = [27182, 8, 1828, 45904];
const RESPONSE_SIZES = [31415, 9, 2653, 58979];

const protoRoot = path.resolve(__dirname, '../../../proto');
const definition = loader.loadSync('grpc/testing/test.proto', { includeDirs: [protoRoot], keepCase: true });
const testing = grpc.loadPackageDefinition(definition).grpc.testing;

const payload = (size) => ({ body: Buffer.alloc(size) });
const largeRequest = (fields) => ({ response_size: LARGE_RESPONSE, payload: payload(LARGE_REQUEST), ...fields });
const outputRequest = (sizes, fields) => ({ response_parameters: sizes.map((size) => ({ size })), ...fields });

// Waits for a unary result: { response, status, metadata }, or rejects with the ServiceError.
function unary(start) {
  return new Promise((resolve, reject) => {
    const result = {};
    const call = start((error, response) => (error ? reject(error) : Object.assign(result, { response })));
    call.on('metadata', (metadata) => Object.assign(result, { metadata }));
    call.on('status', (status) => status.code === grpc.status.OK && setImmediate(() => resolve({ ...result, status })));
  });
}

// Collects a stream: { responses, status, metadata }; rejects with the ServiceError.
function collect(call) {
  return new Promise((resolve, reject) => {
    const result = { responses: [] };
    call.on('metadata', (metadata) => Object.assign(result, { metadata }));
    call.on('data', (response) => result.responses.push(response));
    call.on('error', reject);
    call.on('status', (status) => status.code === grpc.status.OK && resolve({ ...result, status }));
  });
}

async function expectError(code, promise) {
  const error = await promise.then(() => assert.fail('the call ended with OK'), (failure) => failure);
  assert.strictEqual(error.code, code, `${error}`);
  return error;
}

const cases = {
  async empty_unary(client) {
    await unary((done) => client.EmptyCall({}, done));
  },
  async large_unary(client) {
    const { response } = await unary((done) => client.UnaryCall(largeRequest(), done));
    assert.strictEqual(response.payload.body.length, LARGE_RESPONSE);
  },
  async server_compressed_unary(client) {
    for (const value of [true, false]) {
      const { response } = await unary((done) => client.UnaryCall(largeRequest({ response_compressed: { value } }), done));
      assert.strictEqual(response.payload.body.length, LARGE_RESPONSE);
    }
  },
  async client_compressed_unary(client, address) {
    const request = largeRequest({ expect_compressed: { value: true } });
    await expectError(grpc.status.INVALID_ARGUMENT, unary((done) => client.UnaryCall(request, done)));
    const compressing = createClient(address, { 'grpc.default_compression_algorithm': 2 });
    const { response } = await unary((done) => compressing.UnaryCall(request, done));
    assert.strictEqual(response.payload.body.length, LARGE_RESPONSE);
    compressing.close();
  },
  async client_streaming(client) {
    const { response } = await unary((done) => {
      const call = client.StreamingInputCall(done);
      REQUEST_SIZES.forEach((size) => call.write({ payload: payload(size) }));
      call.end();
      return call;
    });
    assert.strictEqual(response.aggregated_payload_size, 74922);
  },
  async server_streaming(client) {
    const { responses } = await collect(client.StreamingOutputCall(outputRequest(RESPONSE_SIZES)));
    assert.deepStrictEqual(responses.map((response) => response.payload.body.length), RESPONSE_SIZES);
  },
  async server_compressed_streaming(client) {
    const request = outputRequest([31415, 92653]);
    request.response_parameters[0].compressed = { value: true };
    request.response_parameters[1].compressed = { value: false };
    const { responses } = await collect(client.StreamingOutputCall(request));
    assert.deepStrictEqual(responses.map((response) => response.payload.body.length), [31415, 92653]);
  },
  async ping_pong(client) {
    const call = client.FullDuplexCall();
    const received = [];
    const next = () => {
      const index = received.length;
      if (index === REQUEST_SIZES.length) {
        call.end();
      } else {
        call.write(outputRequest([RESPONSE_SIZES[index]], { payload: payload(REQUEST_SIZES[index]) }));
      }
    };
    call.on('data', (response) => {
      received.push(response.payload.body.length);
      next();
    });
    next();
    await collect(call);
    assert.deepStrictEqual(received, RESPONSE_SIZES);
  },
  async empty_stream(client) {
    const call = client.FullDuplexCall();
    call.end();
    assert.deepStrictEqual((await collect(call)).responses, []);
  },
  async custom_metadata(client) {
    const metadata = new grpc.Metadata();
    metadata.set('x-grpc-test-echo-initial', 'test_initial_metadata_value');
    metadata.set('x-grpc-test-echo-trailing-bin', Buffer.from([0xab, 0xab, 0xab]));
    const one = await unary((done) => client.UnaryCall(largeRequest(), metadata, done));
    const duplex = client.FullDuplexCall(metadata);
    duplex.write(outputRequest([LARGE_RESPONSE], { payload: payload(LARGE_REQUEST) }));
    duplex.end();
    for (const result of [one, await collect(duplex)]) {
      assert.deepStrictEqual(result.metadata.get('x-grpc-test-echo-initial'), ['test_initial_metadata_value']);
      assert.deepStrictEqual(result.status.metadata.get('x-grpc-test-echo-trailing-bin'), [Buffer.from([0xab, 0xab, 0xab])]);
    }
  },
  async status_code_and_message(client, address, message = 'test status message') {
    const response_status = { code: 2, message };
    const one = await expectError(grpc.status.UNKNOWN, unary((done) => client.UnaryCall({ response_status }, done)));
    assert.strictEqual(one.details, message);
    const duplex = client.FullDuplexCall();
    duplex.write({ response_status });
    duplex.end();
    assert.strictEqual((await expectError(grpc.status.UNKNOWN, collect(duplex))).details, message);
  },
  special_status_message(client, address) {
    return cases.status_code_and_message(client, address, '\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n');
  },
  async unimplemented_method(client) {
    await expectError(grpc.status.UNIMPLEMENTED, unary((done) => client.UnimplementedCall({}, done)));
  },
  async unimplemented_service(client, address) {
    const other = new testing.UnimplementedService(address, grpc.credentials.createInsecure());
    await expectError(grpc.status.UNIMPLEMENTED, unary((done) => other.UnimplementedCall({}, done)));
    other.close();
  },
  async cancel_after_begin(client) {
    await expectError(grpc.status.CANCELLED, unary((done) => {
      const call = client.StreamingInputCall(done);
      setImmediate(() => call.cancel());
      return call;
    }));
  },
  async cancel_after_first_response(client) {
    const call = client.FullDuplexCall();
    call.on('data', () => call.cancel());
    call.write(outputRequest([31415], { payload: payload(27182) }));
    await expectError(grpc.status.CANCELLED, collect(call));
  },
  async timeout_on_sleeping_server(client) {
    const call = client.FullDuplexCall({ deadline: Date.now() + 1 });
    call.write({ payload: payload(27182) });
    await expectError(grpc.status.DEADLINE_EXCEEDED, collect(call));
  },
  // Not official: an error for programs, in grpc-status-details-bin.
  async status_details(client) {
    const response_status = { code: grpc.status.FAILED_PRECONDITION, message: 'not yet ☺' };
    const error = await expectError(grpc.status.FAILED_PRECONDITION, unary((done) => client.UnaryCall({ response_status }, done)));
    const [bytes] = error.metadata.get('grpc-status-details-bin');
    // proto-loader gives messages no decoder, but the detail's bytes are those that were sent, after their tag and length.
    assert(bytes.includes(client.UnaryCall.requestSerialize({ response_status }).subarray(2)));
    assert(bytes.includes('type.googleapis.com/grpc.testing.EchoStatus'));
  },
  // Not official: the status must arrive, and not "13 Received RST_STREAM with code 0", although more is being sent.
  async status_while_uploading(client) {
    for (let round = 0; round < 10; round++) {
      const call = client.FullDuplexCall();
      call.write({ response_status: { code: 9, message: 'stop' } });
      for (let i = 0; i < 100; i++) {
        call.write({ payload: payload(100000) });
      }
      assert.strictEqual((await expectError(grpc.status.FAILED_PRECONDITION, collect(call))).details, 'stop');
    }
  },
  // Not official: refused before it was read.
  async message_over_the_limit(client) {
    await expectError(grpc.status.RESOURCE_EXHAUSTED, unary((done) => client.UnaryCall({ payload: payload(5 << 20) }, done)));
  },
  async rpc_soak(client, address) {
    for (let i = 0; i < 100; i++) {
      await cases.large_unary(client, address);
    }
  },
  async channel_soak(client, address) {
    for (let i = 0; i < 20; i++) {
      const other = createClient(address);
      await cases.large_unary(other, address);
      other.close();
    }
  },
};

function createClient(address, options = {}) {
  return new testing.TestService(address, grpc.credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
    ...options,
  });
}

async function main() {
  const address = process.argv[2];
  const watch = setTimeout(() => process.exit(1), 120_000); // a call that never ends
  let failed = 0;
  for (const [name, run] of Object.entries(cases)) {
    const client = createClient(address);
    try {
      await run(client, address);
      console.log(`ok      ${name}`);
    } catch (error) {
      failed++;
      console.log(`FAILED  ${name}: ${error}`);
    }
    client.close();
  }
  console.log(`${Object.keys(cases).length - failed} passed, ${failed} failed`);
  process.exitCode = failed ? 1 : 0;
  clearTimeout(watch);
}

main();
