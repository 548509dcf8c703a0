using SealService.Cli;

return await SealCommandLine.RunAsync(args, CommandEnvironment.OfProcess());
