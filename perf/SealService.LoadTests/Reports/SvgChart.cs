using System.Net;
using System.Text;

namespace SealService.LoadTests.Reports;

/// <summary>A line chart over time, from zero to a round number.</summary>
internal static class SvgChart
{
    private const int Width = 520;
    private const int Height = 200;
    private const int Left = 60;
    private const int Right = 10;
    private const int Top = 10;
    private const int Bottom = 24;

    // Okabe and Ito's colours, which people with colour blindness tell apart.
    private static readonly string[] Colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"];

    /// <summary>One line.</summary>
    public sealed record Series(string Name, IReadOnlyList<(double X, double Y)> Points);

    public static string Format(string title, IReadOnlyList<Series> series)
    {
        var xMax = Math.Max(1, series.SelectMany(s => s.Points).Max(p => p.X));
        var yMax = RoundUp(series.SelectMany(s => s.Points).Max(p => p.Y));
        var svg = new StringBuilder();
        svg.Append(FormattableString.Invariant($"<figure><svg width=\"{Width}\" height=\"{Height}\" role=\"img\" aria-label=\"{WebUtility.HtmlEncode(title)}\" font-size=\"11\" fill=\"#5b6576\">"));
        for (var i = 0; i <= 4; i++)
        {
            var y = Y(yMax * i / 4, yMax);
            svg.Append(FormattableString.Invariant(
                $"<line x1=\"{Left}\" x2=\"{Width - Right}\" y1=\"{y:0.0}\" y2=\"{y:0.0}\" stroke=\"#e4e8ef\"/><text x=\"{Left - 6}\" y=\"{y + 4:0.0}\" text-anchor=\"end\">{yMax * i / 4:#,0.##}</text>"));
        }

        svg.Append(FormattableString.Invariant($"<text x=\"{Width - Right}\" y=\"{Height - 6}\" text-anchor=\"end\">{xMax:0} s</text>"));
        for (var i = 0; i < series.Count; i++)
        {
            var points = string.Join(' ', series[i].Points.Select(p => FormattableString.Invariant($"{Left + (p.X / xMax * (Width - Left - Right)):0.0},{Y(p.Y, yMax):0.0}")));
            svg.Append($"<polyline fill=\"none\" stroke=\"{Colours[i % Colours.Length]}\" stroke-width=\"1.8\" points=\"{points}\"/>");
        }

        svg.Append("</svg><figcaption>").Append(WebUtility.HtmlEncode(title)).Append(": ");
        for (var i = 0; i < series.Count; i++)
        {
            svg.Append($"<span style=\"color:{Colours[i % Colours.Length]}\">&#9632; {WebUtility.HtmlEncode(series[i].Name)}</span> ");
        }

        return svg.Append("</figcaption></figure>\n").ToString();
    }

    private static double Y(double value, double yMax) => Top + ((1 - (value / yMax)) * (Height - Top - Bottom));

    // The next of 1, 2, 2.5, 4, 5, 10 times a power of ten.
    private static double RoundUp(double value)
    {
        if (value <= 0)
        {
            return 1;
        }

        var power = Math.Pow(10, Math.Floor(Math.Log10(value)));
        return new[] { 1, 2, 2.5, 4, 5, 10 }.First(step => step * power >= value * 0.999999) * power;
    }
}
