// perf.v1.Echo on gRPC C++: the same messages as SealService.EchoServer, by the API that is asked for. Of the
// library's three, the completion queues are the fastest for unary calls and threads for streams; callbacks were behind one or the other.
//
//   echo_server async|sync [ADDRESS:PORT]
#include <grpcpp/grpcpp.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "echo.grpc.pb.h"

using perf::v1::Echo;
using perf::v1::EchoMessage;

namespace {

// A thread for each call.
class SyncEcho final : public Echo::Service {
    grpc::Status Unary(grpc::ServerContext*, const EchoMessage* request, EchoMessage* response) override {
        *response = *request;
        return grpc::Status::OK;
    }

    grpc::Status Stream(grpc::ServerContext*, grpc::ServerReaderWriter<EchoMessage, EchoMessage>* stream) override {
        EchoMessage message;
        while (stream->Read(&message) && stream->Write(message)) {
        }
        return grpc::Status::OK;
    }
};

// Completion queues, one a thread: a call is a small state machine that its events move on.
class Call {
public:
    virtual ~Call() = default;
    virtual void Proceed(bool ok) = 0;
};

class UnaryCall final : public Call {
public:
    UnaryCall(Echo::AsyncService* service, grpc::ServerCompletionQueue* queue) : service_(service), queue_(queue), responder_(&context_) {
        service_->RequestUnary(&context_, &request_, &responder_, queue_, queue_, this);
    }

    void Proceed(bool ok) override {
        if (!ok || finished_) {
            delete this;
            return;
        }
        new UnaryCall(service_, queue_);
        finished_ = true;
        responder_.Finish(request_, grpc::Status::OK, this);
    }

private:
    Echo::AsyncService* service_;
    grpc::ServerCompletionQueue* queue_;
    grpc::ServerContext context_;
    EchoMessage request_;
    grpc::ServerAsyncResponseWriter<EchoMessage> responder_;
    bool finished_ = false;
};

class StreamCall final : public Call {
public:
    StreamCall(Echo::AsyncService* service, grpc::ServerCompletionQueue* queue) : service_(service), queue_(queue), stream_(&context_) {
        service_->RequestStream(&context_, &stream_, queue_, queue_, this);
    }

    void Proceed(bool ok) override {
        switch (state_) {
        case State::kAccept:
            if (!ok) {
                delete this;
                return;
            }
            new StreamCall(service_, queue_);
            Read();
            return;
        case State::kRead:
            if (!ok) {
                state_ = State::kFinish;
                stream_.Finish(grpc::Status::OK, this);
                return;
            }
            state_ = State::kWrite;
            stream_.Write(message_, this);
            return;
        case State::kWrite:
            Read();
            return;
        case State::kFinish:
            delete this;
            return;
        }
    }

private:
    enum class State { kAccept, kRead, kWrite, kFinish };

    void Read() {
        state_ = State::kRead;
        stream_.Read(&message_, this);
    }

    Echo::AsyncService* service_;
    grpc::ServerCompletionQueue* queue_;
    grpc::ServerContext context_;
    EchoMessage message_;
    grpc::ServerAsyncReaderWriter<EchoMessage, EchoMessage> stream_;
    State state_ = State::kAccept;
};

void Serve(Echo::AsyncService* service, grpc::ServerCompletionQueue* queue) {
    // As many calls wait to be accepted as a connection may have.
    for (int i = 0; i < 100; i++) {
        new UnaryCall(service, queue);
    }
    for (int i = 0; i < 4; i++) {
        new StreamCall(service, queue);
    }
    void* tag;
    bool ok;
    while (queue->Next(&tag, &ok)) {
        static_cast<Call*>(tag)->Proceed(ok);
    }
}

}  // namespace

int main(int argc, char** argv) {
    const std::string api = argc > 1 ? argv[1] : "";
    if (argc > 3 || (api != "async" && api != "sync")) {
        std::fprintf(stderr, "usage: echo_server async|sync [ADDRESS:PORT]\n");
        return 2;
    }

    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    pthread_sigmask(SIG_BLOCK, &stop, nullptr);

    SyncEcho sync_echo;
    Echo::AsyncService async_echo;
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort(argc > 2 ? argv[2] : "127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    std::vector<std::unique_ptr<grpc::ServerCompletionQueue>> queues;
    if (api == "sync") {
        builder.RegisterService(&sync_echo);
    } else {
        builder.RegisterService(&async_echo);
        for (unsigned i = 0; i < std::max(1u, std::thread::hardware_concurrency()); i++) {
            queues.push_back(builder.AddCompletionQueue());
        }
    }

    auto server = builder.BuildAndStart();
    if (!server) {
        return 1;
    }
    std::vector<std::thread> threads;
    for (auto& queue : queues) {
        threads.emplace_back(Serve, &async_echo, queue.get());
    }

    std::printf("The gRPC C++ echo server is ready: gRPC on 127.0.0.1:%d, HTTP on -\n", port);
    std::fflush(stdout);
    int signal;
    sigwait(&stop, &signal);
    server->Shutdown(std::chrono::system_clock::now());
    for (auto& queue : queues) {
        queue->Shutdown();
    }
    for (auto& thread : threads) {
        thread.join();
    }
    return 0;
}
