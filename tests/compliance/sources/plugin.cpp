// Warns of functions named `warn_of_me`, and wants a file that only its user has.
#include "clang/AST/ASTConsumer.h"
#include "clang/AST/RecursiveASTVisitor.h"
#include "clang/Frontend/CompilerInstance.h"
#include "clang/Frontend/FrontendPluginRegistry.h"

#include <fstream>

namespace {

struct Visitor : clang::RecursiveASTVisitor<Visitor> {
    explicit Visitor(clang::DiagnosticsEngine &diagnostics) : diagnostics(diagnostics) {}

    bool VisitFunctionDecl(clang::FunctionDecl *function) {
        if (function->getNameAsString() == "warn_of_me") {
            unsigned id = diagnostics.getCustomDiagID(clang::DiagnosticsEngine::Warning, "the plugin ran");
            diagnostics.Report(function->getLocation(), id);
        }
        return true;
    }

    clang::DiagnosticsEngine &diagnostics;
};

struct Consumer : clang::ASTConsumer {
    void HandleTranslationUnit(clang::ASTContext &context) override {
        Visitor(context.getDiagnostics()).TraverseDecl(context.getTranslationUnitDecl());
    }
};

struct Action : clang::PluginASTAction {
    std::unique_ptr<clang::ASTConsumer> CreateASTConsumer(clang::CompilerInstance &, llvm::StringRef) override {
        return std::make_unique<Consumer>();
    }

    bool ParseArgs(const clang::CompilerInstance &compiler, const std::vector<std::string> &arguments) override {
        for (const std::string &path : arguments) {
            std::string word;
            std::ifstream(path) >> word;
            auto &diagnostics = compiler.getDiagnostics();
            unsigned id = word == "extra"
                ? diagnostics.getCustomDiagID(clang::DiagnosticsEngine::Warning, "the extra file is there")
                : diagnostics.getCustomDiagID(clang::DiagnosticsEngine::Error, "the extra file is not there");
            diagnostics.Report(id);
        }
        return true;
    }

    ActionType getActionType() override { return AddAfterMainAction; }
};

clang::FrontendPluginRegistry::Add<Action> registration("compliance", "warns of one name");

} // namespace
