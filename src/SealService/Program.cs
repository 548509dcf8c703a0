using SealService.Hosting;

return await SealServer.RunAsync(args, Console.Out, Console.Error);
