package factor

// rules lists the catalogue: one entry per file of this folder.
func rules() []Rule {
	return []Rule{
		alreadyFixed, alternatives, ambiguousStatic, asmEntry, binaryFile, bootOnly, buildChange, commandLineParam, compilerDiffers, compilerFlags, conflict,
		cpuBringup, cpuCapability, dataInitialiser, dataResized, differRefuses, doesNotCompile, enumValues, fanOut, fixupExtable, forbiddenFunction,
		generatedHeader, headerReach, hypervisorCode, initCode, initRefs, inlineAsm, inlineFunction,
		kconfigChange, likelyInlined, lineShift, linkageChange, liveStateRepair, livepatchOff, lockingChange, lostLines, macroUsers,
		memberRetyped, microcode, newFile, newVarSection, newVariable, noCodeChange, notCompiled, notInPayload, notHypervisor,
		opsTable, otherArch, percpuNew, prerequisite, publicABI, refcountChange, registration, revisedCode, sameObjects, sectionChanged, silentlyLost, signatureChange, smallFunction,
		staticLocalAdded, staticLocalRemoved, structLayout, symbolMoved, symbolRemoved, textOnly, unresolvedSymbol,
	}
}
