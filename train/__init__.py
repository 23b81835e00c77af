"""The door: python -m train {fit,validate,test,predict}."""
