using System.Net;
using System.Text;

namespace SealService.LoadTests.Reports;

/// <summary>A chart of lines from zero to a round number, as wide as the page lets it be.</summary>
internal static class SvgChart
{
    private const int Width = 520;
    private const int Height = 210;
    private const int Left = 64;
    private const int Right = 16;
    private const int Top = 8;
    private const int Bottom = 24;
    private const int YSteps = 4;
    private const int MarkedPointsMax = 60;

    // Okabe and Ito's colours, which people with colour blindness tell apart.
    private static readonly string[] Colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"];

    /// <summary>One line. Lines of the same colour number have the same colour in every chart.</summary>
    public sealed record Series(string Name, int Colour, IReadOnlyList<(double X, double Y)> Points);

    /// <summary>The horizontal axis, from zero.</summary>
    public sealed record Axis(double Max, IReadOnlyList<(double At, string Label)> Ticks)
    {
        private const int SecondsStepsMax = 8;

        public static Axis Seconds(double max)
        {
            var step = Math.Max(1, RoundUp(max / SecondsStepsMax, [1, 2, 5, 10]));
            var ticks = Enumerable.Range(0, (int)(max / step) + 1).Select(i => (i * step, FormattableString.Invariant($"{i * step:0} s")));
            return new Axis(max, [.. ticks]);
        }

        /// <summary>HdrHistogram's: each step shows a tenth of what the one before left over.</summary>
        public static Axis Percentiles(double max)
        {
            var ticks = Enumerable.Range(0, (int)max + 1).Select(i => ((double)i, FormattableString.Invariant($"{100 - (100 * Math.Pow(10, -i)):0.#######} %")));
            return new Axis(max, [.. ticks]);
        }
    }

    public static string Format(string title, Axis axis, IReadOnlyList<Series> series)
    {
        var yMax = RoundUp(series.SelectMany(s => s.Points).Max(p => p.Y), [1, 2, 3, 4, 6, 8, 10]);
        var svg = new StringBuilder("<figure><figcaption><b>").Append(WebUtility.HtmlEncode(title)).Append("</b> ");
        foreach (var line in series)
        {
            svg.Append($"<span style=\"color:{ColourOf(line)}\">&#9632; {WebUtility.HtmlEncode(line.Name)}</span> ");
        }

        svg.Append(FormattableString.Invariant(
            $"</figcaption><svg viewBox=\"0 0 {Width} {Height}\" role=\"img\" aria-label=\"{WebUtility.HtmlEncode(title)}\" font-size=\"11\" fill=\"#5b6576\">"));
        AppendAxes(svg, axis, yMax);
        foreach (var line in series)
        {
            AppendLine(svg, line, axis.Max, yMax);
        }

        return svg.Append("</svg></figure>\n").ToString();
    }

    private static void AppendAxes(StringBuilder svg, Axis axis, double yMax)
    {
        for (var i = 0; i <= YSteps; i++)
        {
            var y = Y(yMax * i / YSteps, yMax);
            svg.Append(FormattableString.Invariant(
                $"<line x1=\"{Left}\" x2=\"{Width - Right}\" y1=\"{y:0.0}\" y2=\"{y:0.0}\" stroke=\"#e4e8ef\"/><text x=\"{Left - 6}\" y=\"{y + 4:0.0}\" text-anchor=\"end\">{yMax * i / YSteps:#,0.###}</text>"));
        }

        foreach (var (at, label) in axis.Ticks)
        {
            var x = X(at, axis.Max);
            svg.Append(FormattableString.Invariant(
                $"<line x1=\"{x:0.0}\" x2=\"{x:0.0}\" y1=\"{Height - Bottom}\" y2=\"{Height - Bottom + 4}\" stroke=\"#9aa3b2\"/><text x=\"{x:0.0}\" y=\"{Height - 6}\" text-anchor=\"middle\">{label}</text>"));
        }
    }

    // A few points are marked: of a single one there would be nothing to see otherwise.
    private static void AppendLine(StringBuilder svg, Series line, double xMax, double yMax)
    {
        var points = line.Points.Select(p => (X: X(p.X, xMax), Y: Y(p.Y, yMax))).ToList();
        var path = string.Join(' ', points.Select(p => FormattableString.Invariant($"{p.X:0.0},{p.Y:0.0}")));
        svg.Append($"<polyline fill=\"none\" stroke=\"{ColourOf(line)}\" stroke-width=\"1.8\" points=\"{path}\"/>");
        if (points.Count > MarkedPointsMax)
        {
            return;
        }

        foreach (var (x, y) in points)
        {
            svg.Append(FormattableString.Invariant($"<circle cx=\"{x:0.0}\" cy=\"{y:0.0}\" r=\"2.2\" fill=\"{ColourOf(line)}\"/>"));
        }
    }

    private static string ColourOf(Series line) => Colours[line.Colour % Colours.Length];

    private static double X(double value, double xMax) => Left + (value / xMax * (Width - Left - Right));

    private static double Y(double value, double yMax) => Top + ((1 - (value / yMax)) * (Height - Top - Bottom));

    // The next of the steps times a power of ten.
    private static double RoundUp(double value, ReadOnlySpan<int> steps)
    {
        if (value <= 0)
        {
            return 1;
        }

        var power = Math.Pow(10, Math.Floor(Math.Log10(value)));
        foreach (var step in steps)
        {
            if (step * power >= value * 0.999999)
            {
                return step * power;
            }
        }

        return steps[^1] * power;
    }
}
