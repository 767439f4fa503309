package kql

func (b *binder) scanOperator(rel *relation, op scanOp, s *scope) *relation {
	b.fail(op, codeUnsupported, "The operator 'scan' is not supported")
	return nil
}

func (b *binder) topNested(rel *relation, op topNestedOp, s *scope) *relation {
	b.fail(op, codeUnsupported, "The operator 'top-nested' is not supported")
	return nil
}

func (b *binder) reduce(rel *relation, op reduceOp, s *scope) *relation {
	b.fail(op, codeUnsupported, "The operator 'reduce' is not supported")
	return nil
}
