using SealService.LoadTests;

return await LoadCommandLine.RunAsync(args);
