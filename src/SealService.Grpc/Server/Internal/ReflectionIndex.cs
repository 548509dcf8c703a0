using System.Collections.Frozen;
using Google.Protobuf.Reflection;
using Grpc.Core;
using Grpc.Reflection.V1;

namespace Grpc.Server.Internal;

/// <summary>The descriptors of a server's services, by file and by symbol. Immutable.</summary>
internal sealed class ReflectionIndex
{
    private readonly string[] _services;
    private readonly FrozenDictionary<string, FileDescriptor> _files;
    private readonly FrozenDictionary<string, FileDescriptor> _filesBySymbol;
    private readonly FrozenSet<string> _messages;
    private readonly FieldDescriptor[] _extensions;

    public ReflectionIndex(IReadOnlyList<ServiceDescriptor> services)
    {
        _services = [.. services.Select(service => service.FullName).Order(StringComparer.Ordinal)];
        var files = new Dictionary<string, FileDescriptor>(StringComparer.Ordinal);
        foreach (var service in services)
        {
            AddWithImports(service.File, files);
        }

        var symbols = new Dictionary<string, FileDescriptor>(StringComparer.Ordinal);
        var messages = new HashSet<string>(StringComparer.Ordinal);
        foreach (var file in files.Values)
        {
            foreach (var symbol in SymbolsOf(file))
            {
                symbols[symbol.FullName] = file;
                if (symbol is MessageDescriptor)
                {
                    messages.Add(symbol.FullName);
                }
            }
        }

        _files = files.ToFrozenDictionary(StringComparer.Ordinal);
        _filesBySymbol = symbols.ToFrozenDictionary(StringComparer.Ordinal);
        _messages = messages.ToFrozenSet(StringComparer.Ordinal);
        _extensions = [.. files.Values.SelectMany(file => file.Extensions.UnorderedExtensions)];
    }

    /// <summary>The answer to a request; what is not found, or not known to be asked, is an answer as well.</summary>
    public ServerReflectionResponse Answer(ServerReflectionRequest request) => request.MessageRequestCase switch
    {
        ServerReflectionRequest.MessageRequestOneofCase.ListServices => ListServices(),
        ServerReflectionRequest.MessageRequestOneofCase.FileByFilename =>
            _files.TryGetValue(request.FileByFilename, out var file) ? FileWithImports(file) : NotFound(request.FileByFilename),
        ServerReflectionRequest.MessageRequestOneofCase.FileContainingSymbol =>
            _filesBySymbol.TryGetValue(request.FileContainingSymbol, out var file) ? FileWithImports(file) : NotFound(request.FileContainingSymbol),
        ServerReflectionRequest.MessageRequestOneofCase.FileContainingExtension => FindExtension(request.FileContainingExtension),
        ServerReflectionRequest.MessageRequestOneofCase.AllExtensionNumbersOfType => ListExtensions(request.AllExtensionNumbersOfType),
        _ => Error(StatusCode.Unimplemented, "The request is not one that this server knows."),
    };

    private ServerReflectionResponse ListServices()
    {
        var list = new ListServiceResponse();
        list.Service.AddRange(_services.Select(name => new ServiceResponse { Name = name }));
        return new ServerReflectionResponse { ListServicesResponse = list };
    }

    private ServerReflectionResponse FindExtension(ExtensionRequest request)
    {
        var found = _extensions.FirstOrDefault(extension =>
            extension.FieldNumber == request.ExtensionNumber && extension.ExtendeeType.FullName == request.ContainingType);
        return found is not null ? FileWithImports(found.File) : NotFound($"extension {request.ExtensionNumber} of {request.ContainingType}");
    }

    private ServerReflectionResponse ListExtensions(string message)
    {
        if (!_messages.Contains(message))
        {
            return NotFound(message);
        }

        var numbers = new ExtensionNumberResponse { BaseTypeName = message };
        numbers.ExtensionNumber.AddRange(
            _extensions.Where(extension => extension.ExtendeeType.FullName == message).Select(extension => extension.FieldNumber).Order());
        return new ServerReflectionResponse { AllExtensionNumbersResponse = numbers };
    }

    private static ServerReflectionResponse FileWithImports(FileDescriptor file)
    {
        var files = new Dictionary<string, FileDescriptor>(StringComparer.Ordinal);
        AddWithImports(file, files);
        var response = new FileDescriptorResponse();
        response.FileDescriptorProto.AddRange(files.Values.Select(one => one.SerializedData));
        return new ServerReflectionResponse { FileDescriptorResponse = response };
    }

    private static ServerReflectionResponse NotFound(string what) => Error(StatusCode.NotFound, $"{what} is not known to this server.");

    private static ServerReflectionResponse Error(StatusCode code, string message) =>
        new() { ErrorResponse = new ErrorResponse { ErrorCode = (int)code, ErrorMessage = message } };

    private static void AddWithImports(FileDescriptor file, Dictionary<string, FileDescriptor> files)
    {
        if (files.TryAdd(file.Name, file))
        {
            foreach (var import in file.Dependencies)
            {
                AddWithImports(import, files);
            }
        }
    }

    private static IEnumerable<IDescriptor> SymbolsOf(FileDescriptor file) =>
    [
        .. file.MessageTypes.SelectMany(SymbolsOf),
        .. file.EnumTypes.SelectMany(SymbolsOf),
        .. file.Services.SelectMany(service => (IEnumerable<IDescriptor>)[service, .. service.Methods]),
        .. file.Extensions.UnorderedExtensions,
    ];

    private static IEnumerable<IDescriptor> SymbolsOf(MessageDescriptor message) =>
    [
        message,
        .. message.Fields.InDeclarationOrder(),
        .. message.Oneofs,
        .. message.NestedTypes.SelectMany(SymbolsOf),
        .. message.EnumTypes.SelectMany(SymbolsOf),
    ];

    private static IEnumerable<IDescriptor> SymbolsOf(EnumDescriptor type) => [type, .. type.Values];
}
