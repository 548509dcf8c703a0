using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Xunit;

namespace SealService.Tests.Pkcs11;

/// <summary>A log whose events can be awaited and counted.</summary>
internal sealed class EventLog : ILoggerFactory, ILogger
{
    private readonly ConcurrentDictionary<int, SemaphoreSlim> _signals = new();
    private readonly ConcurrentQueue<(int Id, string Message)> _events = new();

    public IEnumerable<string> Messages => _events.Select(e => e.Message);

    /// <summary>Until an event with that id has been logged; one more event for each call.</summary>
    public async Task WaitForAsync(int eventId)
    {
        bool logged = await Signal(eventId).WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
        Assert.True(logged, $"No event {eventId}.");
    }

    public int Count(int eventId) => _events.Count(e => e.Id == eventId);

    public ILogger CreateLogger(string categoryName) => this;

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        _events.Enqueue((eventId.Id, formatter(state, exception)));
        Signal(eventId.Id).Release();
    }

    public void Dispose()
    {
        foreach (SemaphoreSlim signal in _signals.Values)
        {
            signal.Dispose();
        }
    }

    private SemaphoreSlim Signal(int eventId) => _signals.GetOrAdd(eventId, _ => new SemaphoreSlim(0));
}
