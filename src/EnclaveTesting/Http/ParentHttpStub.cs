namespace EnclaveTesting;

/// <summary>
/// A web server of the parent made of answers: the first that fits a request and is not used up gives the response; what fits none gets
/// status 404 and is remembered as such. Thread-safe.
/// </summary>
public sealed class ParentHttpStub
{
    private readonly Lock _lock = new();
    private readonly List<Answer> _answers = [];
    private readonly List<ParentHttpRequest> _requests = [];
    private readonly List<ParentHttpRequest> _unmatched = [];

    /// <summary>The requests so far.</summary>
    public IReadOnlyList<ParentHttpRequest> Requests
    {
        get
        {
            lock (_lock)
                return [.. _requests];
        }
    }

    /// <summary>The requests that fitted no answer.</summary>
    public IReadOnlyList<ParentHttpRequest> Unmatched
    {
        get
        {
            lock (_lock)
                return [.. _unmatched];
        }
    }

    /// <summary>Answers requests of a method and path.</summary>
    /// <param name="method">GET, POST and so on, or * for any.</param>
    /// <param name="path">The path without query; with a * at its end, all paths that begin so.</param>
    /// <param name="response">The response.</param>
    /// <param name="times">How often; null for always.</param>
    public ParentHttpStub On(string method, string path, ParentHttpResponse response, int? times = null) => On(method, path, _ => response, times);

    /// <summary>Answers requests of a method and path by a function.</summary>
    /// <inheritdoc cref="On(string, string, ParentHttpResponse, int?)"/>
    public ParentHttpStub On(string method, string path, Func<ParentHttpRequest, ParentHttpResponse> response, int? times = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(method);
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(response);
        lock (_lock)
            _answers.Add(new Answer(method, path, response) { Left = times ?? int.MaxValue });
        return this;
    }

    internal Task<ParentHttpResponse> HandleAsync(ParentHttpRequest request)
    {
        Answer? answer;
        lock (_lock)
        {
            _requests.Add(request);
            answer = _answers.Find(it => it.Left > 0 && it.Fits(request));
            if (answer is null)
                _unmatched.Add(request);
            else if (answer.Left != int.MaxValue)
                answer.Left--;
        }

        return Task.FromResult(answer?.Response(request) ?? ParentHttpResponse.OfText($"The parent has no answer to {request.Method} {request.Path}.\n", 404));
    }

    private sealed record Answer(string Method, string Path, Func<ParentHttpRequest, ParentHttpResponse> Response)
    {
        public int Left { get; set; }

        public bool Fits(ParentHttpRequest request) => (Method == "*" || Method == request.Method)
            && (Path.EndsWith('*') ? request.Path.StartsWith(Path[..^1], StringComparison.Ordinal) : request.Path == Path);
    }
}
