# syntax=docker/dockerfile:1
# The server with the PKCS#11 module of your HSM mounted in. Nothing secret is in the image: PIN file, module configuration and data folder
# come from mounts, configuration from the environment (Seal__Hsm__PinFile=/run/secrets/pin, …).

FROM mcr.microsoft.com/dotnet/sdk:10.0-noble AS build
WORKDIR /src
# Project files and lock files first: the restore is cached until they change.
COPY Directory.Build.props Directory.Packages.props global.json .editorconfig ./
COPY src/SealService/SealService.csproj src/SealService/packages.lock.json src/SealService/
COPY src/SealService.Grpc/SealService.Grpc.csproj src/SealService.Grpc/packages.lock.json src/SealService.Grpc/
COPY src/SealService.Pkcs11/SealService.Pkcs11.csproj src/SealService.Pkcs11/packages.lock.json src/SealService.Pkcs11/
COPY src/SealService.Merkle/SealService.Merkle.csproj src/SealService.Merkle/packages.lock.json src/SealService.Merkle/
COPY src/SealService.Ledger/SealService.Ledger.csproj src/SealService.Ledger/packages.lock.json src/SealService.Ledger/
RUN dotnet restore src/SealService --locked-mode
COPY proto proto
COPY src src
RUN dotnet publish src/SealService -c Release --no-restore -o /app

FROM mcr.microsoft.com/dotnet/aspnet:10.0-noble
# SoftHSM is here for trials only; production mounts the HSM vendor's module and sets Seal__Hsm__Module.
RUN apt-get update \
    && apt-get install -y --no-install-recommends softhsm2 opensc \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -o app -g app -m 700 /var/lib/sealservice
COPY --from=build /app /app
COPY hsm-sim/provision.sh /usr/local/bin/provision-softhsm
USER app
WORKDIR /app
VOLUME /var/lib/sealservice
ENV Seal__Ledgers__0__Folder=/var/lib/sealservice/ledger \
    Seal__Listen__Http=127.0.0.1:7071
EXPOSE 7070
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["/app/SealService", "healthcheck"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/app/SealService"]
