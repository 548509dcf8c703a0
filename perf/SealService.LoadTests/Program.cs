using SealService.LoadTests;

return await LoadCommandLine.Create().Parse(args).InvokeAsync();
